"""A text to measure a model on when one sentence is not enough: validation text where it is at hand, else its own.

Validation text is text of the model's corpus that it has not learnt from. The fables come with the package, and tiny
Shakespeare may lie in the cache of this machine; nothing is downloaded for this.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from strivelm.corpus import CorpusError, load_corpus
from strivelm.generation import SamplingConfig, generate
from strivelm.hub import OpenModel
from strivelm.sources import FABLES, cache_folder
from strivelm.ui.models import name_of

OWN_CHARACTERS = 4_096
"""How many characters a model writes for this; fewer where it takes longer than `OWN_SECONDS`."""
OWN_SECONDS = 12.0
OWN_SEED = 0


@dataclass(frozen=True)
class Sample:
    """A text to measure on, and what has to be said about it."""

    ids: torch.Tensor
    """(N,) Its ids."""
    held_out: bool
    """Whether it is validation text."""
    said: str
    """Which text it is, in a sentence."""
    needs: str
    """The line that imports what `python` needs."""
    python: str
    """The lines that make `text`, its ids, of `model`."""


def sample(opened: OpenModel) -> Sample:
    """The validation text of the corpus that the model learnt from, or else a text that the model writes."""
    return _held_out(opened) or _own(opened)


def _held_out(opened: OpenModel) -> Sample | None:
    recorded = opened.training.get("corpus")
    sha256 = recorded.get("sha256") if isinstance(recorded, dict) else None
    for source, path in (("bundled", FABLES), ("shakespeare", cache_folder(None) / "tinyshakespeare.txt")):
        corpus = _corpus_of(path) if sha256 else None
        if corpus is None or corpus.sha256 != sha256 or corpus.tokenizer.chars != opened.model.tokenizer.chars:
            continue
        if len(corpus.validation) > 1:
            said = f"Measured on validation text of {corpus.name}, which the model has not learnt from."
            line = f"text = load_corpus({source!r}).validation"
            return Sample(corpus.validation.long(), True, said, "from strivelm.corpus import load_corpus", line)
    return None


def _corpus_of(path: Path):
    try:
        return load_corpus(str(path)) if path.is_file() else None
    except CorpusError:
        return None


def _own(opened: OpenModel) -> Sample:
    """What the model writes at temperature 1, from its whole distribution: a fair draw from its own idea of text."""
    model = opened.model
    first = model.tokenizer.encode(model.tokenizer.start)
    config = SamplingConfig(OWN_CHARACTERS, temperature=1.0, top_k=0, top_p=1.0, seed=OWN_SEED)
    ids, began = list(first), time.perf_counter()
    for step in generate(model, first, config):
        ids.append(step.id)
        if time.perf_counter() - began > OWN_SECONDS and len(ids) > model.block_size:
            break
    said = (
        f"No text of {name_of(opened.ref)}'s corpus is at hand, so it is measured on {len(ids):,} characters that the "
        "model wrote itself (temperature 1). On its own writing a model is never wrong about what comes how often: "
        "this shows how much context sharpens its expectations, not how right they are about real text."
    )
    lines = (
        f"first = model.tokenizer.encode({model.tokenizer.start!r})\n"
        f"config = SamplingConfig({len(ids) - len(first)}, temperature=1.0, top_k=0, top_p=1.0, seed={OWN_SEED})\n"
        "text = first + [step.id for step in generate(model, first, config)]"
    )
    return Sample(torch.tensor(ids), False, said, "from strivelm import SamplingConfig, generate", lines)
