"""Where the parts of a text lie: words, separators, lines and speakers' names, in any alphabet, by Unicode categories.

word         letters, marks and numbers beside each other; an apostrophe between two of them belongs to it, as in
             "o'er" (Unicode Standard Annex 29 breaks words alike; scripts without spaces have one word a clause)
separator    everything else: spaces, line breaks, punctuation, symbols
line         what stands between line breaks
name         what a line begins with, up to its first colon, where that ends the line or no letter before it is
             lower-case: "First Citizen:" alone, or "ROMEO: I am here". Other punctuation than . ' and - makes it
             no name.
"""

import unicodedata
from collections.abc import Sequence

import torch

APOSTROPHES = frozenset("'’")
COLONS = frozenset(":：")
IN_NAMES = APOSTROPHES | frozenset(" .-‐")
"""What a speaker's name may hold beside letters, marks and numbers."""
LINE_BREAKS = frozenset("\n\r\x85\u2028\u2029")


def word_numbers(chars: Sequence[str]) -> list[int]:
    """For each character the number of its word, from 0 on; -1 for separators."""
    inside = [_in_words(char) for char in chars]
    joined = [
        here or (chars[i] in APOSTROPHES and 0 < i < len(chars) - 1 and inside[i - 1] and inside[i + 1])
        for i, here in enumerate(inside)
    ]
    numbers, number = [], -1
    for i, here in enumerate(joined):
        number += here and not (i and joined[i - 1])
        numbers.append(number if here else -1)
    return numbers


def line_beginnings(chars: Sequence[str]) -> list[int]:
    """The places of the characters that come after a line break, the line breaks of empty lines left out."""
    return [i for i in range(1, len(chars)) if chars[i - 1] in LINE_BREAKS and chars[i] not in LINE_BREAKS]


def speaker_names(chars: Sequence[str]) -> list[tuple[int, int]]:
    """Where names of speakers begin, and where they end: after their colon."""
    found = []
    for start in [0, *line_beginnings(chars)]:
        end = next((i for i in range(start, len(chars)) if chars[i] in LINE_BREAKS), len(chars))
        colon = next((i for i in range(start, end) if chars[i] in COLONS), None)
        if colon is None:
            continue
        name = chars[start:colon]
        alone = all(char.isspace() for char in chars[colon + 1 : end])
        capitals = not any(unicodedata.category(char) == "Ll" for char in name)
        letters = any(unicodedata.category(char).startswith("L") for char in name)
        if letters and (alone or capitals) and all(_in_words(char) or char in IN_NAMES for char in name):
            found.append((start, colon + 1))
    return found


def part_targets(chars: Sequence[str]) -> dict[str, torch.Tensor]:
    """For each part which keys belong to it: (T, T), true at [query, key], of those that the query sees.

    The first character of a text is in none but its own word: what looks there looks at the first position. What is
    inside of a word is earlier than the query; the names are those that have ended before it.
    """
    T = len(chars)
    place = torch.arange(T)
    seen = (place <= place[:, None]) & (place[:, None] > 0)
    words = torch.tensor(word_numbers(chars))
    begins = (words >= 0) & (words != words.roll(1))
    lines = torch.zeros(T, dtype=torch.bool)
    lines[line_beginnings(chars)] = True
    names = torch.zeros(T, T, dtype=torch.bool)
    for start, end in speaker_names(chars):
        names[end:, max(start, 1) : end] = True
    return {
        "separators": seen & (words < 0) & (place > 0),
        "word_beginnings": seen & begins & (place > 0),
        "this_word": (words[:, None] == words) & (words >= 0) & (place < place[:, None]),
        "line_beginnings": seen & lines,
        "speaker_names": names,
    }


def _in_words(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN"
