"""Tables for terminals of any width."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement, measure_renderables
from rich.table import Column, Table
from rich.text import Text

# As good as any width: what a table would take if it had room.
_ROOM = 100_000


class FittingTable(Table):
    """A table that breaks lines between words only, and becomes records where that is too wide.

    rich itself takes room from the widest columns first, in the middle of their words.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render as rich does, which calls this; what fits is rich's own table."""
        unbounded = options.update(max_width=_ROOM)
        needs = [_needed(console, unbounded, column) for column in self.columns]
        widest = sum(need.maximum for need in needs)
        lines_between = self.__rich_measure__(console, unbounded).maximum - widest
        room = options.max_width - lines_between
        narrowest = sum(need.minimum for need in needs)
        if not self.rows or widest <= room:
            yield from super().__rich_console__(console, options)
        elif narrowest <= room:
            share = (room - narrowest) / (widest - narrowest)
            widths = [need.minimum + int(share * need.span) for need in needs]
            yield from Table.__rich_console__(self._of_widths(widths), console, options)
        else:
            yield from self._framed(self._records(options.max_width))

    def _of_widths(self, widths: Sequence[int]) -> Table:
        table = copy(self)
        table.columns = [copy(column) for column in self.columns]
        for column, width in zip(table.columns, widths, strict=True):
            column.width = width
        return table

    def _framed(self, records: Iterable[RenderableType]) -> Iterator[RenderableType]:
        if self.title:
            yield Text(str(self.title), style=self.title_style or "bold")
        yield from records
        if self.caption:
            yield Text(str(self.caption), style=self.caption_style or "dim")

    def _records(self, width: int) -> Iterator[RenderableType]:
        headings = [str(column.header) for column in self.columns]
        longest = max(map(len, headings))
        for cells in zip(*(column.cells for column in self.columns), strict=True):
            record = Table.grid(padding=(0, 2, 0, 0))
            record.add_column(style="bold")
            record.add_column(overflow="fold")
            for heading, cell in zip(headings, cells, strict=True):
                if not heading:
                    # A column without a heading names what the row is about.
                    yield Text(str(cell), style="bold")
                elif longest > width // 2:
                    yield Text.assemble((heading, "bold"), f"  {cell}", overflow="fold")
                else:
                    record.add_row(heading, cell)
            if record.rows:
                yield record
            yield Text("")


def _needed(console: Console, options: ConsoleOptions, column: Column) -> Measurement:
    """Return the widths of the longest word and of the longest cell of a table's column."""
    return measure_renderables(console, options, [column.header, *column.cells])
