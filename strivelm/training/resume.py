"""What a run was made with, and whether a run that goes on is made with the same."""

from collections.abc import Sequence
from dataclasses import asdict

from strivelm.config import GPTConfig
from strivelm.data.corpus import Corpus
from strivelm.training.config import TrainConfig


class ResumeError(ValueError):
    """A run can't go on from a state: it was made with other settings, or is damaged."""


def made_with(config: TrainConfig, model: GPTConfig, corpus: Corpus, teachers: Sequence[str] = ()) -> dict:
    """Everything that decides what comes out of a run, as a state keeps it.

    Args:
        teachers: the sha256 of each teacher's weights.
    """
    return asdict(config) | asdict(model) | {"corpus": corpus.sha256, "teachers": ", ".join(teachers)}


def check_same(then: dict, now: dict) -> None:
    """Raises ResumeError that names each setting in which two results of `made_with` differ.

    What came into the program after the first was made had its default then.
    """
    then = asdict(TrainConfig()) | {"teachers": ""} | then
    changed = [name for name in now if then.get(name) != now[name]]
    if "corpus" in changed:  # another text has other characters, which need no saying
        changed = [name for name in changed if name not in ("vocab_size", "chars")]
    if changed:
        said = "; ".join(_difference(name, then.get(name), now[name]) for name in changed)
        raise ResumeError(f"the run was started with other settings ({said}); resume it with the same")


def _difference(name: str, then: object, now: object) -> str:
    if name == "corpus":
        return f"the text: sha256 {str(then)[:12]}… then, {str(now)[:12]}… now"
    if name == "teachers":
        return f"the teachers: {_weights(str(then))} then, {_weights(str(now))} now"
    return f"{name}: {then!r} then, {now!r} now"


def _weights(digests: str) -> str:
    each = [f"sha256 {digest[:12]}…" for digest in digests.split(", ") if digest]
    return " and ".join(each) or "none"
