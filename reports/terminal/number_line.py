"""A plot of one line: the position of an r between -1 and 1, in characters."""

from dataclasses import dataclass

WIDTH = 25
# No blanks: a narrow table then breaks other columns instead.
_AXIS = "┈"
HEADING = f"{'-1':{_AXIS}<{WIDTH // 2}}0{'1':{_AXIS}>{WIDTH // 2}}"
LEGEND = "● r   ━ 95% interval   ┃ blind   ┊ 0"


@dataclass(frozen=True)
class Strip:
    """An r, its interval and the blind baseline beside it; what is None is not drawn."""

    r: float | None
    low: float | None = None
    high: float | None = None
    blind: float | None = None

    def __str__(self) -> str:
        cells = [_AXIS] * WIDTH
        cells[_position(0.0)] = "┊"
        if self.low is not None and self.high is not None:
            for position in range(_position(self.low), _position(self.high) + 1):
                cells[position] = "━"
        if self.blind is not None:
            cells[_position(self.blind)] = "┃"
        if self.r is not None:
            cells[_position(self.r)] = "●"
        return "".join(cells)


def _position(r: float) -> int:
    """Return the position of an r in characters; values outside go to the edge."""
    return round((min(1.0, max(-1.0, r)) + 1) / 2 * (WIDTH - 1))
