"""Numbers with their noun, in messages."""


def counted(number: int, noun: str) -> str:
    """Return "1 country", "2 countries", "1,200 rows"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
