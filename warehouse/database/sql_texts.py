"""Texts as SQL writes them, and the numbers that texts are."""


def quoted(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted_name(name: str) -> str:
    """Return a column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def number_of_text(text: str, cast: str | None = None) -> str:
    """Return SQL for the number that a text is, else null; `cast` reads it in another way.

    DuckDB, like Python, reads `5_1` as 51. Files write so what they add to a label, here to `5`.
    """
    return f"case when not contains({text}, '_') then {cast or f'try_cast({text} as double)'} end"
