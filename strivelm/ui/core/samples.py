"""The text that a model learnt from, where it is at hand; and one to measure it on: validation text, else its own.

Validation text is text of the model's corpus that it has not learnt from. The fables come with the package, and tiny
Shakespeare may lie in the cache of this machine; nothing is downloaded for this.
"""

import time
import weakref
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from strivelm.data.corpus import Corpus, CorpusError, load_corpus
from strivelm.data.sources import FABLES, cache_folder
from strivelm.generation import SamplingConfig, generate
from strivelm.loading import OpenModel
from strivelm.ui.core.models import name_of

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


def training_text(opened: OpenModel) -> tuple[str, Corpus] | None:
    """What `load_corpus` calls the text that the model learnt from, and the text; None where it is not at hand."""
    sha256 = corpus_sha256(opened)
    for source, path in (("bundled", FABLES), ("shakespeare", cache_folder(None) / "tinyshakespeare.txt")):
        corpus = _corpus(path) if sha256 and path.is_file() else None
        if corpus is not None and corpus.sha256 == sha256:
            return source, corpus
    return None


def corpus_sha256(opened: OpenModel) -> str | None:
    """The hash of the text that the model learnt from; None where nobody wrote it down."""
    recorded = opened.training.get("corpus")
    return recorded.get("sha256") if isinstance(recorded, dict) else None


@lru_cache(maxsize=4)
def _corpus(path: Path) -> Corpus | None:
    try:
        return load_corpus(str(path))
    except CorpusError:
        return None


def _held_out(opened: OpenModel) -> Sample | None:
    source, corpus = training_text(opened) or ("", None)
    if corpus is None or corpus.tokenizer.chars != opened.model.tokenizer.chars or len(corpus.validation) < 2:
        return None
    said = f"Measured on validation text of {corpus.name}, which the model has not learnt from."
    line = f"text = load_corpus({source!r}).validation"
    return Sample(corpus.validation.long(), True, said, "from strivelm.data import load_corpus", line)


_written: weakref.WeakKeyDictionary[object, Sample] = weakref.WeakKeyDictionary()
"""What models have written already: it takes seconds, and each measurement needs it."""


def _own(opened: OpenModel) -> Sample:
    """What the model writes at temperature 1, from its whole distribution: a fair draw from its own idea of text."""
    if opened.model not in _written:
        _written[opened.model] = _write(opened)
    return _written[opened.model]


def _write(opened: OpenModel) -> Sample:
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
