"""What of a written text stands word for word in the text that the model learnt from.

That needs the training text: the fables come with the package, and tiny Shakespeare may lie in the cache of this
machine; nothing is downloaded for this. Without the text, its fingerprint tells of eight characters in a row.
"""

from functools import lru_cache
from pathlib import Path

from strivelm.data.corpus import Corpus
from strivelm.data.fingerprint import LENGTHS, RUN, Fingerprint, covered
from strivelm.data.sources import FABLES
from strivelm.inspection import shared_spans
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.questions import question
from strivelm.ui.core.samples import corpus_sha256, training_text

FINGERPRINT = "fingerprint.safetensors"
"""What a model that brings its text's fingerprint calls it."""
SHAKESPEARE = FABLES.parent / f"tinyshakespeare.{FINGERPRINT}"
"""The fingerprint of tiny Shakespeare, whose text is not part of the package."""
UNSEEN = 2_000
"""How many characters of the corpus's unseen end are measured, to know what stands in a text by chance."""


@question("generate.overlap", device=False)
def overlap(opened: OpenModel, read: str, text: str) -> dict:
    """The runs of a text that stand in the training text, and a sentence about them.

    Args:
        read: the prompt, in which a run may begin.
        text: what was written after it.

    Returns:
        spans: [start in the text, length] of each run of at least `RUN` characters; None without a training text.
        unseen: the share of unseen text that stands in such runs, for each length that can be asked for.
        source: what the training text is called.
        note: a sentence about that.
        of: how long the text is.

    Raises ValueError, a sentence, for a text that is too long.
    """
    if len(read) > limits.PROMPT_CHARACTERS or len(text) > limits.TEXT_CHARACTERS:
        raise ValueError(f"The text has {len(text):,} characters; expected at most {limits.TEXT_CHARACTERS:,}.")
    (_, corpus), named = training_text(opened) or ("", None), facts_of(opened).corpus
    source = f"the training text, {(named or 'unnamed')[:100]}"
    if corpus is not None:
        train, _ = _halves(corpus)
        found = {"spans": _spans(read + text, train), "unseen": _unseen(corpus), "source": source, "note": ""}
    elif (print_ := _fingerprint(opened)) is not None:
        note = (
            "This is read from the text's fingerprint, which knows of every eight characters in a row whether they "
            f"stand in it, and says so wrongly of {print_.false_positive_rate:.1%} of those that do not: a longer run "
            "need not stand there as a whole."
        )
        found = {"spans": print_.spans(read + text), "unseen": dict(print_.unseen), "source": source, "note": note}
    else:
        note = (
            f"This model was trained on {named[:100]}, which it does not bring along: its runs can't be looked up."
            if named
            else "This model's training text was not recorded, so nothing can be looked up in it."
        )
        return {"spans": None, "unseen": {}, "source": "", "note": note, "of": len(text)}
    spans = [(start - len(read), length) for start, length in found["spans"] if start + length > len(read)]
    return found | {"spans": spans, "of": len(text)}


def _fingerprint(opened: OpenModel) -> Fingerprint | None:
    """The fingerprint of the text that the model learnt from: the one that comes with the package, or its own."""
    sha256 = corpus_sha256(opened)
    for path in (SHAKESPEARE, opened.folder and opened.folder / FINGERPRINT):
        found = _read(path) if sha256 and path is not None and path.is_file() else None
        if found is not None and found.sha256 == sha256:
            return found
    return None


@lru_cache(maxsize=4)
def _read(path: Path) -> Fingerprint | None:
    try:
        return Fingerprint.from_file(path)
    except (ValueError, OSError):
        return None


@lru_cache(maxsize=4)
def _halves(corpus: Corpus) -> tuple[str, str]:
    return corpus.tokenizer.decode(corpus.train.tolist()), corpus.tokenizer.decode(corpus.validation.tolist())


@lru_cache(maxsize=4)
def _unseen(corpus: Corpus) -> dict[int, float]:
    train, validation = _halves(corpus)
    text = validation[:UNSEEN]
    spans = _spans(text, train)
    return {least: covered(spans, len(text), least) for least in LENGTHS} if text else {}


def _spans(text: str, source: str) -> list[tuple[int, int]]:
    found = shared_spans(text, source, least=RUN, places=1, most=len(text))
    return list(zip(found.start.tolist(), found.length.tolist(), strict=True))
