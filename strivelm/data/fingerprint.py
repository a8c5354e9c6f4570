"""Which runs of eight characters stand in a text, told by a file that is smaller than the text.

A Bloom filter (Bloom 1970, "Space/time trade-offs in hash coding with allowable errors") of all runs of eight
characters. What stands in the text is always said to stand there; of what does not, a known share is as well.

It hides nothing: who guesses a text character by character can read most of it out again.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

RUN = 8
"""How many characters a run has."""
BITS = 12
"""How many bits are kept for each different run; with `HASHES` places each, a false yes comes once in 320 times."""
HASHES = 8
MAX_CHARACTERS = 5_000_000
"""Of a longer text the first so many are read."""
MAX_FILE_BYTES = 10_000_000
"""The most that a file may hold."""


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """The runs of a text, as a filter."""

    bits: np.ndarray
    """(M,) uint8, eight bits each."""
    sha256: str
    """The hash of the bytes of the text, its unseen end included."""
    unseen: float
    """The share of text of the same kind, which is not in it, that stands in runs of it: what is so by chance."""

    @property
    def false_yes(self) -> float:
        """How often a run that is not in the text is said to be: the share of bits that are set, to the `HASHES`."""
        return float(np.unpackbits(self.bits).mean() ** HASHES)

    def knows(self, text: str) -> np.ndarray:
        """For each run of eight characters in a text, (len(text) - 7,), whether it stands in the other one."""
        places = _places(text, 8 * len(self.bits))
        return np.all((self.bits[places >> 3] >> (places & 7).astype(np.uint8)) & 1, axis=0)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """(start, length) of the parts of a text of which every eight characters in a row stand in the other one."""
        known = np.concatenate([[False], self.knows(text), [False]]).astype(np.int8)
        edges = np.flatnonzero(np.diff(known))
        return [(int(start), int(end - start) + RUN - 1) for start, end in zip(edges[::2], edges[1::2], strict=True)]

    def to_bytes(self) -> bytes:
        """The filter as a safetensors file."""
        return save({"bits": self.bits}, {"sha256": self.sha256, "unseen": repr(self.unseen), "run": str(RUN)})

    @classmethod
    def from_file(cls, path: str | Path) -> "Fingerprint":
        """A filter from its file. Raises ValueError for one that is none, OSError where it can't be read."""
        size = Path(path).stat().st_size
        if size > MAX_FILE_BYTES:
            raise ValueError(f"it has {size:,} bytes; expected at most {MAX_FILE_BYTES:,}")
        try:
            with safe_open(path, "numpy") as opened:
                bits, said = opened.get_tensor("bits"), opened.metadata()
            unseen = float(said["unseen"])
        except (SafetensorError, TypeError, KeyError, ValueError) as error:
            raise ValueError(f"it is no fingerprint: {error}") from error
        if (
            bits.dtype != np.uint8
            or bits.ndim != 1
            or not bits.size
            or not 0 <= unseen <= 1
            or said.get("run") != str(RUN)
        ):
            raise ValueError("it is no fingerprint of this kind")
        return cls(bits, said.get("sha256", ""), unseen)


def fingerprint(text: str, unseen: str, sha256: str) -> Fingerprint:
    """The filter of a training text.

    Args:
        unseen: text of the same kind that is not in it, the validation text.
        sha256: the hash that names the text, as training.json says it.
    """
    codes = np.unique(_codes(text[:MAX_CHARACTERS]))
    many = 8 * max(1, math.ceil(len(codes) * BITS / 8))
    places = _spread(codes, many).ravel()
    bits = np.zeros(many // 8, np.uint8)
    np.bitwise_or.at(bits, places >> 3, np.uint8(1) << (places & 7).astype(np.uint8))
    made = Fingerprint(bits, sha256, 0.0)
    inside = np.zeros(len(unseen), bool)
    for start, length in made.spans(unseen):
        inside[start : start + length] = True
    return Fingerprint(bits, sha256, float(inside.mean()) if len(unseen) else 0.0)


def _codes(text: str) -> np.ndarray:
    """A number for each run of eight characters; equal runs have equal ones."""
    points = np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.uint64)
    codes = np.zeros(max(0, len(points) - RUN + 1), np.uint64)
    with np.errstate(over="ignore"):
        for i in range(RUN):
            codes = codes * np.uint64(0x9E3779B97F4A7C15) + points[i : i + len(codes)]
            codes ^= codes >> np.uint64(29)
    return codes


def _spread(codes: np.ndarray, many: int) -> np.ndarray:
    """`HASHES` places below `many` for each number, (HASHES, N), by two hashes (Kirsch & Mitzenmacher 2006)."""
    with np.errstate(over="ignore"):  # the finaliser of SplitMix64
        mixed = (codes ^ (codes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    first, step = mixed & np.uint64(0xFFFFFFFF), (mixed >> np.uint64(32)) | np.uint64(1)
    times = np.arange(HASHES, dtype=np.uint64)[:, None]
    return ((first + times * step) % np.uint64(many)).astype(np.int64)


def _places(text: str, many: int) -> np.ndarray:
    return _spread(_codes(text), many)
