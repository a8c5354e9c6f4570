"""The models that are open in this process, and what the page says about them."""

import math
from dataclasses import dataclass
from pathlib import Path

from strivelm.hub import OpenModel


@dataclass(frozen=True)
class Facts:
    """What a reader should know about a model before believing it."""

    name: str
    """The reference by which it was opened; of a folder only the last part, whose place is nobody's business."""
    layers: int
    """How many blocks it has."""
    heads: int
    """How many attention heads a block has."""
    width: int
    """The width of its residual stream."""
    parameters: int
    """How many numbers it has learnt."""
    context: int
    """How many characters it sees at most."""
    vocabulary: str
    """The characters it knows, each once."""
    corpus: str | None
    """The name of the text it learnt from; None where nobody wrote it down."""
    validation_loss: float | None
    """Nats per character on text it has not learnt from; None where it was not measured."""

    @property
    def uniform_loss(self) -> float:
        """Nats per character of somebody who knows the vocabulary and nothing else: ln V."""
        return math.log(len(self.vocabulary))


def facts_of(model: OpenModel) -> Facts:
    """The facts of an open model. Raises ValueError for a model without a vocabulary."""
    config = model.model.config
    corpus = model.training.get("corpus")
    name = corpus.get("name") if isinstance(corpus, dict) else None
    loss = model.validation_loss
    return Facts(
        name=Path(model.ref).resolve().name if Path(model.ref).is_dir() else model.ref,
        layers=config.n_layer,
        heads=config.n_head,
        width=config.n_embd,
        parameters=model.model.num_parameters(),
        context=config.block_size,
        vocabulary=model.model.tokenizer.chars,
        corpus=name if isinstance(name, str) and name else None,
        validation_loss=loss if loss is not None and math.isfinite(loss) else None,
    )


class Models:
    """The models open in this process: one, the current one, on which every tab works."""

    def __init__(self, current: OpenModel):
        self.current = current
        self.facts = facts_of(current)
