"""A model's training text, if it is on this machine, and a text to measure it on: validation text, else generated text.

The fables come with the package, and tiny Shakespeare may be in this machine's cache; nothing is downloaded for this.
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
"""How many characters are generated for this; fewer if it takes longer than `OWN_SECONDS`."""
OWN_SECONDS = 12.0
OWN_LEAST = 512
"""So many characters, or a context of fewer, are generated however long it takes."""
OWN_SEED = 0


@dataclass(frozen=True)
class Sample:
    """A text to measure on, with its description."""

    ids: torch.Tensor
    """(N,) Its ids."""
    held_out: bool
    """Whether it is validation text."""
    description: str
    """Which text it is, in a sentence."""
    import_line: str
    """The import that `python` needs."""
    python: str
    """The lines that make `text`, its ids, from `model`."""


def sample(opened: OpenModel) -> Sample:
    """The validation text of the model's corpus, else a text that the model generates."""
    return _held_out(opened) or _own(opened)


def training_text(opened: OpenModel) -> tuple[str, Corpus] | None:
    """The model's corpus with its name for `load_corpus`; None if it is not on this machine."""
    sha256 = corpus_sha256(opened)
    for source, path in (("bundled", FABLES), ("shakespeare", cache_folder(None) / "tinyshakespeare.txt")):
        corpus = _corpus(path) if sha256 and path.is_file() else None
        if corpus is not None and corpus.sha256 == sha256:
            return source, corpus
    return None


def corpus_sha256(opened: OpenModel) -> str | None:
    """The hash of the model's training text; None if it is not recorded."""
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
    description = f"Measured on validation text of {corpus.name}, which it was not trained on."
    line = f"text = load_corpus({source!r}).validation"
    return Sample(corpus.validation.long(), True, description, "from strivelm.data import load_corpus", line)


_written: weakref.WeakKeyDictionary[object, Sample] = weakref.WeakKeyDictionary()
"""Generated texts by model: they take seconds, and each measurement needs one."""


def _own(opened: OpenModel) -> Sample:
    """A text that the model generates at temperature 1, from its whole distribution."""
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
        if time.perf_counter() - began > OWN_SECONDS and len(ids) > min(model.block_size, OWN_LEAST):
            break
    description = (
        f"The corpus of {name_of(opened.ref)} is not on this machine, so it is measured on {len(ids):,} characters "
        "that the model wrote itself (temperature 1). This shows how much context sharpens its predictions, not how "
        "well they fit real text."
    )
    lines = (
        f"first = model.tokenizer.encode({model.tokenizer.start!r})\n"
        f"config = SamplingConfig({len(ids) - len(first)}, temperature=1.0, top_k=0, top_p=1.0, seed={OWN_SEED})\n"
        "text = first + [step.id for step in generate(model, first, config)]"
    )
    return Sample(torch.tensor(ids), False, description, "from strivelm import SamplingConfig, generate", lines)
