"""A Bloom filter of the runs of eight characters in a text: it says whether a run occurs, and is smaller than the text.

(Bloom 1970, "Space/time trade-offs in hash coding with allowable errors".) A run that occurs is always found; of those
that don't, a known share is reported as well (false positives).

It does not keep the text secret: most of it can be reconstructed by trying characters one by one.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

RUN = 8
"""How many characters a run has."""
LENGTHS = (RUN, 12, 16, 20, 30)
"""For which lengths of runs it is recorded what chance gives."""
BITS = 12
"""How many bits are kept for each different run; with `HASHES` places each, 1 in 320 runs is a false positive."""
HASHES = 8
MAX_CHARACTERS = 5_000_000
"""How many characters of a text are read at most."""
MAX_FILE_BYTES = 10_000_000
"""The size limit of a file, in bytes."""


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """A Bloom filter of the runs of a text."""

    bits: np.ndarray
    """(M,) uint8, eight bits each."""
    sha256: str
    """The hash of the bytes of the whole text, with the part that is not in the filter."""
    unseen: Mapping[int, float]
    """The share of text of the same kind but not in it (validation text) that runs of at least so many characters
    cover, by their length: what chance gives. A file from before there were several lengths has `RUN` alone."""

    @property
    def false_positive_rate(self) -> float:
        """How often a run that is not in the text is reported: (share of bits that are set) ** `HASHES`."""
        return float(np.unpackbits(self.bits).mean() ** HASHES)

    def contains(self, text: str) -> np.ndarray:
        """For each run of eight characters in `text`, whether it is in the filter: (len(text) - 7,)."""
        places = _places(text, 8 * len(self.bits))
        return np.all((self.bits[places >> 3] >> (places & 7).astype(np.uint8)) & 1, axis=0)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """(start, length) of the parts of `text` of which every run of eight characters is in the filter."""
        in_filter = np.concatenate([[False], self.contains(text), [False]]).astype(np.int8)
        edges = np.flatnonzero(np.diff(in_filter))
        return [(int(start), int(end - start) + RUN - 1) for start, end in zip(edges[::2], edges[1::2], strict=True)]

    def to_bytes(self) -> bytes:
        """The filter as a safetensors file."""
        longer = {f"unseen_{length}": repr(share) for length, share in self.unseen.items() if length != RUN}
        return save(
            {"bits": self.bits}, {"sha256": self.sha256, "unseen": repr(self.unseen[RUN]), "run": str(RUN)} | longer
        )

    @classmethod
    def from_file(cls, path: str | Path) -> "Fingerprint":
        """The filter in a file. Raises ValueError for a file of another kind, OSError if it can't be read."""
        size = Path(path).stat().st_size
        if size > MAX_FILE_BYTES:
            raise ValueError(f"it has {size:,} bytes; expected at most {MAX_FILE_BYTES:,}")
        try:
            with safe_open(path, "numpy") as opened:
                bits, metadata = opened.get_tensor("bits"), opened.metadata()
            shares = {RUN: metadata["unseen"]} | {
                n: metadata[f"unseen_{n}"] for n in LENGTHS if f"unseen_{n}" in metadata
            }
            unseen = {length: float(share) for length, share in shares.items()}
        except (SafetensorError, TypeError, KeyError, ValueError) as error:
            raise ValueError(f"it is no fingerprint: {error}") from error
        if (
            bits.dtype != np.uint8
            or bits.ndim != 1
            or not bits.size
            or not all(0 <= share <= 1 for share in unseen.values())
            or metadata.get("run") != str(RUN)
        ):
            raise ValueError("it is no fingerprint of this kind")
        return cls(bits, metadata.get("sha256", ""), unseen)


def fingerprint(text: str, unseen: str, sha256: str) -> Fingerprint:
    """The filter of a training text.

    Args:
        unseen: text of the same kind that is not in it: the validation text.
        sha256: the hash of the text, as in training.json.
    """
    codes = np.unique(_codes(text[:MAX_CHARACTERS]))
    n_bits = 8 * max(1, math.ceil(len(codes) * BITS / 8))
    places = _spread(codes, n_bits).ravel()
    bits = np.zeros(n_bits // 8, np.uint8)
    np.bitwise_or.at(bits, places >> 3, np.uint8(1) << (places & 7).astype(np.uint8))
    made = Fingerprint(bits, sha256, {})
    spans = made.spans(unseen)
    return Fingerprint(bits, sha256, {length: covered(spans, len(unseen), length) for length in LENGTHS})


def covered(spans: Iterable[tuple[int, int]], characters: int, least: int) -> float:
    """The share of a text's characters that stand in runs of at least so many, for runs in the text's order."""
    total = reached = 0
    for start, length in spans:
        if length >= least:
            total += max(0, start + length - max(start, reached))
            reached = max(reached, start + length)
    return total / max(1, characters)


def _codes(text: str) -> np.ndarray:
    """A hash of each run of eight characters."""
    points = np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.uint64)
    codes = np.zeros(max(0, len(points) - RUN + 1), np.uint64)
    with np.errstate(over="ignore"):
        for i in range(RUN):
            codes = codes * np.uint64(0x9E3779B97F4A7C15) + points[i : i + len(codes)]
            codes ^= codes >> np.uint64(29)
    return codes


def _spread(codes: np.ndarray, n_bits: int) -> np.ndarray:
    """`HASHES` bit positions below `n_bits` for each run, (HASHES, N), by two hashes (Kirsch & Mitzenmacher 2006)."""
    with np.errstate(over="ignore"):  # the finaliser of SplitMix64
        mixed = (codes ^ (codes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    first, step = mixed & np.uint64(0xFFFFFFFF), (mixed >> np.uint64(32)) | np.uint64(1)
    times = np.arange(HASHES, dtype=np.uint64)[:, None]
    return ((first + times * step) % np.uint64(n_bits)).astype(np.int64)


def _places(text: str, n_bits: int) -> np.ndarray:
    return _spread(_codes(text), n_bits)
