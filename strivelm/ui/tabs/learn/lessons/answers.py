"""What a step asks before it shows its figure: the kinds of questions, and how an answer is checked.

The truth of every question is computed from the open model on the reader's text. A check says whether the answer was
right, and in any case what is true, in numbers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LONGEST = 40
"""How many characters an answer may have."""

Check = Callable[[str], tuple[bool, str]]
"""Gives whether an answer is right, and a sentence with what is true; raises ValueError for what is no answer."""


@dataclass(frozen=True)
class Ask:
    """A question, how it is answered, and its check."""

    says: str
    """The question."""
    kind: str
    """"choice", "character" or "number"."""
    check: Check
    options: tuple[tuple[str, str], ...] = ()
    """Of a choice: (value, label) of each."""
    unit: str = ""
    """Of a number: what it counts, or its unit."""
    hides: tuple[str, ...] = ()
    """The numbers of the step's words that would give the answer away."""

    def shown(self) -> dict:
        """What the page shows: everything but the truth."""
        options = [list(option) for option in self.options]
        return {
            "says": self.says,
            "kind": self.kind,
            "options": options,
            "unit": self.unit,
            "hides": list(self.hides),
        }

    def answered(self, answer: str) -> dict:
        """Whether an answer is right, and what is true. Raises ValueError, a sentence, for what is no answer."""
        if len(answer) > LONGEST:
            raise ValueError(f"The answer has {len(answer):,} characters; expected at most {LONGEST}.")
        right, says = self.check(answer)
        return {"right": right, "says": says}


def named(char: str) -> str:
    """A character as a sentence names it."""
    names = {" ": "a space", "\n": "a line break", "\t": "a tab"}
    return names.get(char) or (f"“{char}”" if char.isprintable() else f"U+{ord(char):04X}")


def quoted(text: str, most: int = 24) -> str:
    """The end of a text as a sentence quotes it."""
    end = text[-most:].replace("\n", "⏎")
    return f"“{'…' if len(text) > most else ''}{end}”"


def choice(says: str, options: Sequence[tuple[str, str]], true: str, because: str) -> Ask:
    """One of several (value, label), of which `true` is the value of the right one."""
    labels = dict(options)

    def check(answer: str) -> tuple[bool, str]:
        if answer not in labels:
            raise ValueError(f"The answer is {answer!r}; expected one of {', '.join(labels.values())}.")
        return answer == true, because

    return Ask(says, "choice", check, tuple(options))


def guess(says: str, true: float, because: str, unit: str = "", near: float = 0.0) -> Ask:
    """A number, which is right if it is off by no more than `near`."""

    def check(answer: str) -> tuple[bool, str]:
        try:
            found = float(answer.replace(",", "."))
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise ValueError(f"The answer is {answer!r}; expected a number, such as 12.")
        return abs(found - true) <= near + 1e-9, because

    return Ask(says, "number", check, unit=unit)


def character(says: str, check: Callable[[str], tuple[bool, str]]) -> Ask:
    """A single character."""

    def single(answer: str) -> tuple[bool, str]:
        if len(answer) != 1:
            raise ValueError(f"The answer is {answer!r}; expected one character, a space for example.")
        return check(answer)

    return Ask(says, "character", single)
