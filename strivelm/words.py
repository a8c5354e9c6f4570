"""Words that go with numbers."""


def plural(count: int, what: str) -> str:
    """So many of something: "1 character", "2 characters"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
