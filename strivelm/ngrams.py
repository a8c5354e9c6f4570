"""What counting alone knows: the ladder on which a network's loss is read.

An n-gram table predicts a character from the n - 1 before it, by how often it came after them in the training text,
with additive smoothing (Lidstone): (count + α) / (count of the context + α V).
"""

import math
from collections.abc import Sequence

import numpy as np

SMOOTHING = {"unigram": (1, 1.0), "bigram": (2, 1.0), "trigram": (3, 0.1), "4-gram": (4, 0.1), "5-gram": (5, 0.01)}
"""Each rung's n, and the α it is counted with."""
MAX_CHARACTERS = 5_000_000
"""Of a longer text the first so many are read: a few seconds and some hundred megabytes."""


def ngram_loss(train: Sequence[int], validation: Sequence[int], vocab_size: int, n: int, alpha: float) -> float:
    """Mean loss in nats per character of an n-gram table of `train` on `validation`.

    Every validation character that has n - 1 others before it is predicted.

    Args:
        train, validation: ids (lists, arrays or tensors), shapes (N,) and (M,) with M at least n.
        alpha: the smoothing, above 0.

    Raises:
        ValueError: validation is shorter than n, or alpha is not above 0.
    """
    if not alpha > 0:
        raise ValueError(f"alpha is {alpha!r}; expected a number above 0, or what was never seen has no probability")
    if len(validation) < n:
        raise ValueError(f"validation has {len(validation)} characters; at least {n} are needed for {n}-grams")
    texts = [np.asarray(text).astype(np.int64) for text in (train, validation)]
    contexts = [np.zeros(max(0, len(text) - n + 1), dtype=np.int64) for text in texts]
    for i in range(n - 1):  # the context's characters so far, numbered afresh at each so that no number grows too large
        contexts = _numbered([c * vocab_size + t[i : i + len(c)] for c, t in zip(contexts, texts, strict=True)])
    grams = _numbered([c * vocab_size + t[n - 1 :] for c, t in zip(contexts, texts, strict=True)])
    seen_context, seen_gram = (
        np.bincount(counted, minlength=int(asked.max()) + 1)[asked] for counted, asked in (contexts, grams)
    )
    return float(-np.log((seen_gram + alpha) / (seen_context + alpha * vocab_size)).mean())


def _numbered(codes: list[np.ndarray]) -> list[np.ndarray]:
    """The codes of both texts, renumbered from 0 so that equal ones stay equal."""
    _, numbers = np.unique(np.concatenate(codes), return_inverse=True)
    return np.split(numbers, [len(codes[0])])


def ladder(train: Sequence[int], validation: Sequence[int], vocab_size: int) -> dict[str, float]:
    """Nats per character of validation text, for uniform guessing and each n-gram table that the texts suffice for."""
    rungs = {"uniform": math.log(vocab_size)}
    for name, (n, alpha) in SMOOTHING.items():
        if len(validation) >= n and len(train) >= n:
            rungs[name] = ngram_loss(train[:MAX_CHARACTERS], validation[:MAX_CHARACTERS], vocab_size, n, alpha)
    return rungs
