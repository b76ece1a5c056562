import pytest

from valuescope.reports.terminal.number_line import WIDTH, Strip


@pytest.mark.parametrize(
    ("strip", "drawn"),
    [
        (Strip(None), "┈┈┈┈┈┈┈┈┈┈┈┈┊┈┈┈┈┈┈┈┈┈┈┈┈"),
        (Strip(-1.0), "●┈┈┈┈┈┈┈┈┈┈┈┊┈┈┈┈┈┈┈┈┈┈┈┈"),
        (Strip(1.0), "┈┈┈┈┈┈┈┈┈┈┈┈┊┈┈┈┈┈┈┈┈┈┈┈●"),
        (Strip(0.0), "┈┈┈┈┈┈┈┈┈┈┈┈●┈┈┈┈┈┈┈┈┈┈┈┈"),
        (Strip(0.5, 0.25, 0.75), "┈┈┈┈┈┈┈┈┈┈┈┈┊┈┈━━━●━━━┈┈┈┈"),
        (Strip(0.0, -1.0, 1.0, 0.5), "━━━━━━━━━━━━●━━━━━┃━━━━━━"),
        (Strip(0.5, blind=0.5), "┈┈┈┈┈┈┈┈┈┈┈┈┊┈┈┈┈┈●┈┈┈┈┈┈"),
    ],
)
def test_a_strip_has_a_place_for_every_r(strip: Strip, drawn: str) -> None:
    assert len(str(strip)) == WIDTH
    assert str(strip) == drawn[:WIDTH]


def test_an_interval_that_reaches_beyond_the_scale_ends_at_its_edge() -> None:
    assert str(Strip(0.9, 0.5, 1.2)).endswith("━")
    assert len(str(Strip(0.9, 0.5, 1.2))) == WIDTH
