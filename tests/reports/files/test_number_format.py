from valuescope.reports.files.number_format import number


def test_numbers_are_written_as_papers_do() -> None:
    assert [number(value, 2) for value in (0.5, -0.126, 12.0, 3, None, True)] == [
        *(".50", "-.13", "12.00", "3", "", "yes"),
    ]
