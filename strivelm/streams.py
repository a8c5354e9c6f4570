"""Texts that are written together in C (`writing.c`): each may begin, end or be given up at any character.

What a text becomes does not depend on its company: every row's sums are added in the same order, however many rows
there are, and each text draws with its own random numbers.
"""

import ctypes
import math
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from strivelm import native
from strivelm.guessing import Guesses

BEST = 8
"""How many of the likeliest characters C keeps of a choice (`writing.c`)."""
PROMPT_ROWS = 64
"""How many characters of prompts are read in one turn, beside the characters that are written."""
MOST_TURNS = 8
"""How many passes over the weights one call makes at most."""
GUESSED, FEW = 2, 4
"""How many guesses are read beside a character of a text that is alone, and how many texts have one (`writing.c`)."""
TRUST = 8
"""How many wrong guesses a text begins by putting up with."""
LOGITS = 1 << 20
"""How many logits one call may give."""


class _Stream(ctypes.Structure):
    """`struct stream` of writing.c."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("slot", "spare", "known", "read", "again", "left", "chosen", "top_k")),
        *((name, ctypes.c_int32) for name in ("row", "guessed", "trust")),
        ("top_p", ctypes.c_double),
        ("temperature", ctypes.c_double),
    ]


_CHOICE = struct.Struct(f"=diiff{BEST}i{BEST}f{BEST}f")  # `struct choice` of writing.c


@dataclass(eq=False)
class Text:
    """One text that is being written."""

    numbers: Iterator[float]
    """The random numbers, one a character."""
    forced: Mapping[int, int]
    """Ids by index, which are taken whatever is drawn."""
    index: int
    """The place of the next character."""
    decide: Callable[[torch.Tensor, float], int]
    """Chooses from logits (V,) with a random number where C can't tell."""
    place: int = 0
    """Which of the streams it is; changes when others end."""
    ahead: list[float] = field(default_factory=list)
    """Random numbers that were taken from `numbers` and not used yet."""
    error: Exception | None = None
    """Why it can't go on."""


@dataclass(frozen=True)
class Chosen:
    """A character that was chosen."""

    text: Text
    id: int
    index: int
    logits: torch.Tensor
    """(rows, V), of all texts that were read in the same turn."""
    row: int
    told: Callable[[], tuple[float, float, list[tuple[int, float, float]]]] | None
    """Gives its surprisal, the probability it was drawn with, and its alternatives; None where C can't tell."""


class Streams:
    """Room for texts of one model. Not for several threads at once.

    Args:
        room: how many texts may be written at once.
        slots: how many times a context is remembered: as many as texts, and up to as many again in which the half of
            a full context that stays is read in advance.
        guesses: what is guessed to come next; None guesses nothing, and the texts are the same.

    Raises `native.UnavailableError` where C can't serve, MemoryError for more than the machine has.
    """

    def __init__(self, weights: native.Weights, room: int, slots: int, guesses: Guesses | None = None):
        self.weights, self.library, self.room, self.guesses = weights, weights.library, room, guesses
        sizes = self.sizes = native.Sizes.from_buffer_copy(weights.sizes)
        sizes.slots = slots
        size = self.library.strivelm_arena_bytes(ctypes.addressof(sizes))
        if not size:
            raise native.UnavailableError(f"it has no room for {room} texts of this model")
        self.texts: list[Text] = []
        self._arena = native.Memory(size, f"what {room} texts remember")
        self.slot_bytes, self._touched = native.slot_bytes(weights), 0
        self._free, self._off = list(range(slots))[::-1], None  # those that were used come first
        self._streams, self._ids = (_Stream * room)(), (ctypes.c_int32 * (room * (sizes.context + 1)))()
        self._rows = (ctypes.c_int32 * (3 * (3 * room + FEW + PROMPT_ROWS)))()
        self._work = (ctypes.c_float * (3 * sizes.vocab + 64))()
        self._one = ctypes.sizeof(ctypes.c_int32) * (sizes.context + 1)
        self.pace = math.inf  # seconds a turn takes

    @property
    def bytes(self) -> int:
        """How many bytes of memory what its texts remember takes: that of all slots that were ever used."""
        return self._touched * self.slot_bytes

    @property
    def bytes_to_come(self) -> int:
        """How many more bytes it takes when another text joins."""
        return self.slot_bytes if not self._free or self._free[-1] >= self._touched else 0

    # -- texts come and go ---------------------------------------------------------------------------------------------

    def join(
        self,
        ids: Sequence[int],
        count: int,
        settings: tuple[float, int | None, float | None],
        text: Text,
        off: Sequence[tuple[int, int]] = (),
        spare: bool = True,
    ) -> None:
        """Begins a text after ids, of which the last `context` are read.

        Args:
            count: how many characters will be written.
            settings: temperature, top_k and top_p.
            off: (layer, head) that is switched off; (layer, number of heads) is the layer's MLP.
            spare: whether it may have a second slot, if it needs one; without, going past the context takes longer.
        """
        T, (temperature, top_k, top_p) = self.sizes.context, settings
        ids = ids[-T:]
        i = text.place = len(self.texts)
        if i >= self.room:
            raise ValueError(f"there is room for {self.room} texts")
        slot, second = self._free.pop(), -1
        if spare and len(ids) + count > T and len(self._free) >= self.room - i:  # those to come need one each
            second = self._free.pop()
        self._touched = max(self._touched, slot + 1, second + 1)
        self._switch(off, slot, second)
        top_k, top_p = min(top_k or 0, self.sizes.vocab), 1.0 if top_p is None else top_p
        known = len(ids)
        self._streams[i] = _Stream(
            slot, second, known, 0, 0, count, 0, top_k, 0, 0, TRUST, top_p, min(temperature, 3e38)
        )
        at = i * (T + 1)
        self._ids[at : at + known] = ids
        self.texts.append(text)

    def leave(self, text: Text) -> None:
        """Ends a text, and gives its slots back."""
        i, last = text.place, len(self.texts) - 1
        if not (i <= last and self.texts[i] is text):
            return
        one = self._streams[i]
        self._free += [slot for slot in (one.slot, one.spare) if slot >= 0]
        if i < last:
            self._streams[i] = self._streams[last]
            base = ctypes.addressof(self._ids)
            ctypes.memmove(base + i * self._one, base + last * self._one, self._one)
            self.texts[i] = self.texts[last]
            self.texts[i].place = i
        self.texts.pop()

    @property
    def left(self) -> bool:
        """Whether a text has characters left to be written."""
        return any(self._streams[i].left for i in range(len(self.texts)))

    def left_of(self, text: Text) -> int:
        """How many characters a text has left."""
        return self._streams[text.place].left

    def _switch(self, off: Sequence[tuple[int, int]], *slots: int) -> None:
        layers, heads = self.sizes.layers, self.sizes.heads
        if self._off is None:
            if not off:
                return
            self._off = (ctypes.c_uint8 * (self.sizes.slots * layers * (heads + 1)))()
        for slot in slots:
            if slot >= 0:
                first = slot * layers * (heads + 1)
                self._off[first : first + layers * (heads + 1)] = bytes(layers * (heads + 1))
                for layer, part in off:
                    self._off[first + layer * (heads + 1) + part] = 1

    # -- writing -------------------------------------------------------------------------------------------------------

    def write(self, seconds: float) -> list[Chosen]:
        """The next characters of all texts, text by text, as many as fit in so many seconds.

        The list is empty while prompts are read, and where no text has any left.
        """
        n, V, texts = len(self.texts), self.sizes.vocab, self.texts
        longest = max((self._streams[i].left for i in range(n)), default=0)
        fit = int(seconds / self.pace) if self.pace else MOST_TURNS
        turns = max(1, min(MOST_TURNS, longest, LOGITS // ((n + FEW) * V), fit))
        room = turns * (1 + GUESSED)  # characters of a text
        u, forced = (ctypes.c_double * (n * room))(), (ctypes.c_int32 * (n * room))(*[-1] * (n * room))
        for i, text in enumerate(texts):
            while len(text.ahead) < room:
                text.ahead.append(next(text.numbers))
            u[i * room : (i + 1) * room] = text.ahead[:room]
            for j in range(room) if text.forced else ():
                forced[i * room + j] = text.forced.get(text.index + j, -1)
        choices, logits = bytearray(_CHOICE.size * n * room), torch.empty(turns * (n + FEW), V)
        begin = time.perf_counter()
        done = self.library.strivelm_write(
            *(ctypes.addressof(self.sizes), self.weights.memory.address, self._arena.address),
            None if self._off is None else ctypes.addressof(self._off),
            self.guesses and self.guesses.address,
            *(n, ctypes.addressof(self._streams), ctypes.addressof(self._ids), turns, PROMPT_ROWS, min(BEST, V)),
            *map(ctypes.addressof, (u, forced, self._rows, self._work)),
            ctypes.addressof((ctypes.c_char * len(choices)).from_buffer(choices)),
            logits.data_ptr(),
        )
        if done < 0:
            raise RuntimeError("a text of the decoder in C has a row out of bounds")
        if done:
            self.pace = (time.perf_counter() - begin) / done
        return [one for i in range(n) for one in self._read(i, choices, logits, room, u)]

    def _read(
        self, i: int, choices: bytearray, logits: torch.Tensor, room: int, u: ctypes.Array[ctypes.c_double]
    ) -> list[Chosen]:
        found, text, many = [], self.texts[i], min(BEST, self.sizes.vocab)
        chosen = self._streams[i].chosen
        for j in range(min(chosen + 1, room)):
            place = (i * room + j) * _CHOICE.size
            row, id = _PLACE.unpack_from(choices, place + 8)
            told = partial(_told, choices, place, many)
            if j == chosen:
                if id != UNTOLD:
                    break
                id, told = self._decided(i, logits[row], u[i * room + j]), None
                if text.error:
                    break
            found.append(Chosen(text, id, text.index, logits, row, told))
            text.index += 1
        del text.ahead[: len(found)]
        return found

    def _decided(self, i: int, logits: torch.Tensor, u: float) -> int:
        """What stands in a text where C can't tell; an error ends that text alone."""
        text, one = self.texts[i], self._streams[i]
        id = text.forced.get(text.index, -1)
        try:
            drawn = text.decide(logits, u)  # also of a forced one: it would say that the logits are no numbers
        except Exception as error:
            text.error, one.left = error, 0
            return -1
        id = drawn if id < 0 else id
        self._ids[i * (self.sizes.context + 1) + one.known] = id
        one.known, one.left = one.known + 1, one.left - 1
        return id


_PLACE = struct.Struct("=ii")
UNTOLD = -1
"""The id of a choice that C leaves to the caller."""


def _told(choices: bytearray, place: int, many: int) -> tuple[float, float, list[tuple[int, float, float]]]:
    total, _, _, gap, drawn, *rest = _CHOICE.unpack_from(choices, place)
    log = math.log(total)
    best = zip(rest[:many], rest[BEST : BEST + many], rest[2 * BEST :], strict=False)
    return gap + log, drawn, [(id, math.exp(-gap - log), q) for id, gap, q in best]
