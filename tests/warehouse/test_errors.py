from valuescope.warehouse.errors import unknown_name


def test_an_unknown_name_comes_with_the_nearest_names_and_the_next_step() -> None:
    error = unknown_name("question", "Q18", ["Q181", "Q182", "Q57"], "See `valuescope status`.")

    assert str(error) == (
        "Unknown question 'Q18'; did you mean Q182 or Q181? See `valuescope status`."
    )


def test_nothing_is_suggested_where_nothing_is_near() -> None:
    error = unknown_name("country", "Atlantis", ["JPN", "USA"], "Use an ISO3 code.")

    assert str(error) == "Unknown country 'Atlantis'. Use an ISO3 code."
