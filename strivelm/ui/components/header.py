"""The page's header: the title, the open model, and its loss beside those of n-gram tables."""

import math
from pathlib import Path

from strivelm.tokenizer import plural
from strivelm.ui.components.view import View
from strivelm.ui.core import codec
from strivelm.ui.core.models import Facts

HERE = Path(__file__).parent
TEMPLATE = """
<header>
  <div class="title">
    <h1>StriveLM</h1>
    <p>A small GPT that you can see through. It writes one character at a time.</p>
  </div>
  <div class="model">
    <dl aria-label="The model"></dl>
    <div class="loss">
      <p><span class="name">Validation loss</span> <strong class="measured"></strong> <span class="meaning"></span></p>
      <ol class="ladder" aria-label="Losses of guessing, of counting and of this model, in nats per character"></ol>
    </div>
  </div>
</header>
"""

VIEW = View(HERE, "header", TEMPLATE)


def dumps(facts: Facts) -> str:
    """The view's value for a model."""
    return codec.dumps(shown(facts))


def shown(facts: Facts) -> dict:
    """What the header shows of a model: texts, and the losses with their positions on a scale from 0 (no loss) to 1."""
    loss, uniform, size = facts.validation_loss, facts.uniform_loss, len(facts.vocabulary)
    rungs = [(name, nats) for name, nats in facts.ladder if name != "uniform"]
    rungs = [("guessing", uniform), *rungs] + ([("this model", loss)] if loss is not None else [])
    most = max((nats for _, nats in rungs), default=1.0) or 1.0
    return {
        "facts": [
            ["Model", facts.name if facts.step is None else f"{facts.name}, step {facts.step:,}"],
            ["Parameters", f"{facts.parameters:,}"],
            ["Context", plural(facts.context, "character")],
            ["Vocabulary", plural(size, "character")],
            ["Layers × heads", f"{facts.layers} × {facts.heads}, {facts.width:,} wide"],
            ["Learnt from", facts.corpus or "not recorded"],
        ],
        "measured": "not measured" if loss is None else f"{loss:.2f} nats per character",
        "meaning": f"(guessing: ln {size:,} = {uniform:.2f})"
        if loss is None
        else f"as unsure as a fair choice among {math.exp(min(loss, 20.0)):,.1f} characters, not {size:,}",
        "ladder": [[name, f"{nats:.2f}", min(max(nats / most, 0.0), 1.0)] for name, nats in rungs],
    }
