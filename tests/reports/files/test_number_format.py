from valuescope.reports.files.number_format import number


def test_numbers_are_written_as_papers_do() -> None:
    assert [number(value, 2) for value in (0.5, -0.126, 12.0, 3, None, True)] == [
        *(".50", "-.13", "12.00", "3", "", "yes"),
    ]


def test_a_small_number_is_not_written_as_zero() -> None:
    assert [number(value, 4) for value in (3e-17, 0.0, 0.00012, -3e-17)] == [
        *("<.0001", "0", ".0001", "0"),
    ]
    assert number(-0.004, 2) == ".00"
