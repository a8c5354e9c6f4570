"""Characters to ids and back.

A character is a Unicode code point, as in a Python string: no normalisation, no bytes, no merges. An 'é' written as
two code points is two characters, and most emoji that look like one are several.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import SupportsIndex

import numpy as np

from strivelm.words import plural


def display(char: str) -> str:
    """The character as a message shows it: quoted, with its code point where it is not plain ASCII."""
    return (
        repr(char)
        if " " <= char <= "~"
        else f"{ascii(char) if not char.isprintable() else repr(char)} (U+{ord(char):04X})"
    )


class UnknownCharacterError(ValueError):
    """A text holds characters that are not in the vocabulary.

    `places` maps each of them to the positions at which it stands, counted from 0.
    """

    def __init__(self, places: dict[str, tuple[int, ...]], vocabulary: str):
        self.places, self.vocabulary = places, vocabulary
        known = vocabulary if len(vocabulary) <= 100 else vocabulary[:100] + "…"
        super().__init__(
            f"{describe_unknown(places)} The model knows {plural(len(vocabulary), 'character')}: {known!r}"
        )

    def __reduce__(self):  # an exception's own way would hand its message to __init__
        return type(self), (self.places, self.vocabulary)


def describe_unknown(places: dict[str, tuple[int, ...]]) -> str:
    """One sentence that names unknown characters and the positions at which they stand; '' where there are none."""
    if not places:
        return ""
    shown = []
    for char, where in list(places.items())[:5]:
        at = ", ".join(map(str, where[:5])) + (f" and {len(where) - 5:,} more" if len(where) > 5 else "")
        shown.append(f"{display(char)} at {at}")
    rest = f"; and {plural(len(places) - 5, 'other character')}" if len(places) > 5 else ""
    what = "This character is" if len(places) == 1 else f"These {len(places):,} characters are"
    return f"{what} not in the model's vocabulary: {'; '.join(shown)}{rest}."


@dataclass(frozen=True)
class Encoding:
    """A text as far as the model knows its characters."""

    ids: list[int]
    """The ids of what the model reads."""
    text: str
    """What the model reads: the text with unknown characters replaced or left out."""
    unknown: dict[str, tuple[int, ...]]
    """Each unknown character and its positions in the original text; empty where nothing was changed."""
    replacement: str = ""
    """What stands for an unknown character; '' where it was left out."""

    @property
    def report(self) -> str:
        """One sentence that says what was changed; '' where nothing was."""
        if not self.unknown:
            return ""
        one = len(self.unknown) == 1 and len(next(iter(self.unknown.values()))) == 1
        left = "It was left out." if one else "They were left out."
        how = f"Each was replaced by {display(self.replacement)}." if self.replacement else left
        return f"{describe_unknown(self.unknown)} {how}"


class CharTokenizer:
    """The characters of a vocabulary, the one at place i having the id i.

    Args:
        chars: distinct characters; their order gives the ids.

    Raises:
        ValueError: `chars` is empty or no string, names a character twice, or holds half of a surrogate pair
            (which no file can store).
    """

    def __init__(self, chars: str):
        if not isinstance(chars, str) or not chars:
            raise ValueError(f"chars is {chars!r}; expected a string of at least one character")
        self._ids = {char: i for i, char in enumerate(chars)}
        if len(self._ids) < len(chars):
            twice = next(char for i, char in enumerate(chars) if self._ids[char] != i)
            raise ValueError(f"chars holds {display(twice)} twice; expected distinct characters")
        surrogate = next((char for char in chars if "\ud800" <= char <= "\udfff"), None)
        if surrogate:
            raise ValueError(f"chars holds {display(surrogate)}, half of a surrogate pair; remove it")
        self.chars = chars

    @classmethod
    def of(cls, text: str) -> "CharTokenizer":
        """The tokenizer whose vocabulary is the text's characters, sorted by code point."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.chars)

    def __contains__(self, char: str) -> bool:
        return char in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CharTokenizer) and other.chars == self.chars

    def __hash__(self) -> int:
        return hash(self.chars)

    def __repr__(self) -> str:
        return f"CharTokenizer({self.chars!r})"

    @property
    def start(self) -> str:
        """What a text begins after when nothing is said: a line break, or the first character where there is none."""
        return "\n" if "\n" in self._ids else self.chars[0]

    @property
    def example(self) -> str:
        """A short prompt of this vocabulary: "To" where it has that, else a letter, else any character of it."""
        if all(char in self for char in "To"):
            return "To"
        chars = [char for char in self.chars if char.isprintable() and char.strip()] or [self.start]
        return next((char for kind in (str.isupper, str.isalpha) for char in chars if kind(char)), chars[0])

    def unknown(self, text: str) -> dict[str, tuple[int, ...]]:
        """Each character of the text that the vocabulary lacks, with its positions, in order of appearance."""
        if set(text) <= self._ids.keys():
            return {}
        places: dict[str, list[int]] = {}
        for i, char in enumerate(text):
            if char not in self._ids:
                places.setdefault(char, []).append(i)
        return {char: tuple(where) for char, where in places.items()}

    def encode(self, text: str) -> list[int]:
        """The text's ids.

        Raises UnknownCharacterError, which names the characters that the vocabulary lacks and where they stand.
        """
        try:
            return [self._ids[char] for char in text]
        except KeyError:
            raise UnknownCharacterError(self.unknown(text), self.chars) from None

    def encode_leniently(self, text: str, replacement: str = "") -> Encoding:
        """The ids of what the model knows of a text, and a report of what it does not.

        Args:
            replacement: a character of the vocabulary that stands for each unknown one; '' leaves them out.

        Raises:
            ValueError: the replacement is no single character of the vocabulary.
        """
        if replacement and replacement not in self._ids:
            raise ValueError(f"replacement is {replacement!r}; expected one character of the vocabulary, or ''")
        places = self.unknown(text)
        if places:
            text = text.translate({ord(char): replacement for char in places})
        return Encoding(self.encode(text), text, places, replacement)

    def encode_array(self, text: str) -> np.ndarray:
        """The ids of a long text as an array, in the smallest unsigned integer type that holds the vocabulary.

        Raises UnknownCharacterError like `encode`.
        """
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        ids, known = self._table
        at = np.minimum(points, len(known) - 1)
        if not known[at].all():
            raise UnknownCharacterError(self.unknown(text), self.chars)
        return ids[at]

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """By code point: the id, and whether there is one. The last entry stands for all beyond, which have none."""
        points = np.array([ord(char) for char in self.chars], dtype=np.uint32)
        ids = np.zeros(int(points.max()) + 2, dtype=np.min_scalar_type(len(points) - 1))
        known = np.zeros(len(ids), dtype=bool)
        ids[points], known[points] = np.arange(len(points)), True
        return ids, known

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of ids (a list, or an array or tensor of shape (T,)).

        Raises ValueError for an id outside the vocabulary, or ids of another shape.
        """
        shape, tolist = getattr(ids, "shape", (0,)), getattr(ids, "tolist", None)
        if len(shape) != 1:
            raise ValueError(f"ids have shape {tuple(shape)}; expected (T,), one text at a time")
        numbers: list[int] = list(ids) if tolist is None else tolist()  # pyright: ignore[reportAssignmentType]
        if numbers and not (min(numbers) >= 0 and max(numbers) < len(self.chars)):
            wrong = next(i for i in numbers if not 0 <= i < len(self.chars))
            raise ValueError(f"id {wrong} is outside the vocabulary; expected ids from 0 to {len(self.chars) - 1}")
        return "".join([self.chars[i] for i in numbers])
