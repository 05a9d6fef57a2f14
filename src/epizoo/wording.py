"""Numbers in the sentences that a person reads."""


def counted(number: int, noun: str) -> str:
    """A number of things, as a sentence says it.

    >>> counted(1, "peak"), counted(0, "peak"), counted(1_234, "summit")
    ('1 peak', '0 peaks', '1,234 summits')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
