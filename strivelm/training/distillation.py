"""What other models expect of a text, as something to learn beside the text itself.

A text says which character came; a teacher says how likely every character was. A student that learns both is held back
from learning the text by heart, and with several teachers it learns their mean, which is better than each of them.
Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"; that a student of a teacher's own size can surpass
it: Furlanello et al. 2018, "Born Again Neural Networks".
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from strivelm.data.corpus import Corpus
from strivelm.model import GPT
from strivelm.training.distributed import ALONE, ProcessGroup
from strivelm.training.hardware import PLAIN, Hardware

MOST_BYTES = 4 << 30
"""What the expectations for a text may need; those for tiny Shakespeare need 130 MB."""
AT_ONCE = 8192  # characters that a teacher reads in one pass


@dataclass(frozen=True, eq=False)
class SoftTargets:
    """What teachers expect of a training text."""

    teachers: tuple[str, ...]
    """A sha256 of each teacher's weights: who taught."""
    expected: torch.Tensor
    """(N, V), float16: row i is the mean of the teachers' probabilities for what follows character i."""

    def loss(self, logits: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        """The cross-entropy of logits (B, T, V) against what the teachers expect in windows that begin at starts (B,).

        Mean over characters, in nats; at its lowest, where the student expects the same, it is their mean's entropy.
        """
        places = starts[:, None] + torch.arange(logits.shape[1], device=starts.device)
        dtype = torch.promote_types(logits.dtype, torch.float32)
        return F.cross_entropy(logits.flatten(0, 1).to(dtype), self.expected[places].flatten(0, 1).to(dtype))


def soft_targets(
    teachers: Sequence[GPT],
    corpus: Corpus,
    hardware: Hardware = PLAIN,
    group: ProcessGroup = ALONE,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SoftTargets:
    """What these teachers expect of a corpus's training text.

    A teacher reads every character with at least half of its context before it, as far as the text has that much.

    Args:
        teachers: at least one, on one device; the soft targets will be there too. Their contexts may differ.
        hardware: the precision to compute in.
        group: the processes that share the work; each gets all of it.
        progress: called with the characters read so far, and those there are to read.

    Raises:
        ValueError: as `check_teachers` does.
    """
    check_teachers(teachers, corpus)
    ids, V = corpus.train, len(corpus.tokenizer)
    device = next(teachers[0].parameters()).device
    expected, done, total = torch.zeros(len(ids), V, dtype=torch.float16, device=device), 0, len(ids) * len(teachers)
    for teacher in teachers:
        for all_starts, length, kept in _windows(len(ids), teacher.block_size):
            share = group.share(all_starts)  # nothing, where there are more processes than windows
            for starts in share.split(max(1, AT_ONCE // length)) if len(share) else ():
                read = starts[:, None] + torch.arange(length)
                probabilities = _probabilities(teacher, ids[read].long().to(device), hardware)[:, -kept:]
                expected[read[:, -kept:].to(device)] += (probabilities / len(teachers)).half()
                done += group.size * len(starts) * kept
                progress(min(done, total), total)
    group.sum([expected])
    return SoftTargets(tuple(map(digest, teachers)), expected)


def check_teachers(teachers: Sequence[GPT], corpus: Corpus) -> None:
    """Whether these can teach this text, before they read it.

    Raises ValueError for no teacher, one of another vocabulary than the corpus's, or a text so long that what they
    expect would need more than `MOST_BYTES`.
    """
    N, V = len(corpus.train), len(corpus.tokenizer)
    if not teachers:
        raise ValueError("there is no teacher; expected at least one model")
    for number, teacher in enumerate(teachers, 1):
        if teacher.config.chars != corpus.tokenizer.chars:
            raise ValueError(
                f"teacher {number} knows other characters than the text's {V}; expected a model that was trained on "
                f"{corpus.name}, or on a text with the same characters"
            )
    if (size := 2 * N * V) > MOST_BYTES:
        raise ValueError(
            f"what teachers expect of {N:,} characters, {V} numbers each, would need {size / 2**30:.1f} GiB of "
            f"memory; expected at most {MOST_BYTES / 2**30:.0f} GiB. So long a text needs no teachers: train without"
        )


def _windows(characters: int, T: int) -> list[tuple[torch.Tensor, int, int]]:
    """Windows of a text as (starts, length, how many of the last characters count), each character counted once."""
    if characters <= T:
        return [(torch.zeros(1, dtype=torch.long), characters, characters)]
    step = max(1, T // 2)
    inner = torch.arange(step, max(step, characters - T + 1), step)
    rest = characters - T - step * len(inner)
    ends = torch.tensor([0]), torch.tensor([characters - T])
    parts = [(ends[0], T, T), (inner, T, step), (ends[1], T, rest)]
    return [part for part in parts if len(part[0]) and part[2]]


@torch.no_grad()
def _probabilities(teacher: GPT, idx: torch.Tensor, hardware: Hardware) -> torch.Tensor:
    training = teacher.training
    teacher.eval()
    try:
        with hardware.autocast():
            logits, _ = teacher(idx)
        return logits.float().softmax(-1)
    finally:
        teacher.train(training)


def digest(teacher: GPT) -> str:
    """The sha256 of a teacher's weights, by which a run knows it again."""
    found = hashlib.sha256()
    for name, weight in sorted(teacher.state_dict().items()):
        found.update(name.encode())
        found.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
