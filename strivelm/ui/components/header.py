"""The page's header: the title, and the open model in one line; unfolded, its sizes and its loss beside counting."""

import math
from pathlib import Path

from strivelm.ui.components.view import View
from strivelm.ui.core import codec
from strivelm.ui.core.models import Facts
from strivelm.words import plural

HERE = Path(__file__).parent
TEMPLATE = """
<header>
  <div class="title">
    <h1>StriveLM</h1>
    <p>A small GPT that you can see through. It writes one character at a time.</p>
  </div>
  <div class="line">
    <dl aria-label="The open model"></dl>
    <p class="short"></p>
    <button type="button" class="fold" aria-expanded="false" aria-controls="about-model">More</button>
    <button type="button" class="add" aria-controls="beside"
      title="Open a second model: every tab shows both on one text">+ beside</button>
  </div>
  <div class="more" id="about-model" hidden>
    <dl aria-label="Its sizes"></dl>
    <div class="loss">
      <p><span class="name">[Validation loss](term:validation loss)</span>: <span class="meaning"></span>
        (<strong class="measured"></strong>)</p>
      <ol class="ladder" aria-label="Losses of guessing, of counting and of this model, in nats per character"></ol>
      <p class="key">Counting is what an [n-gram](term:) table does. Less is better: one [nat](term:) less is a choice
        among 2.7 times fewer characters.</p>
    </div>
    <div class="words">
      <button type="button" class="fold all" aria-expanded="false">All words that the page explains</button>
      <dl hidden></dl>
    </div>
  </div>
  <nav class="doors" aria-label="Where to begin" hidden>
    <button type="button" data-tab="generate"><b>Play</b> let it write, and change its story</button>
    <button type="button" data-tab="attention"><b>Look inside</b> what it reads before each letter</button>
    <button type="button" data-tab="learn"><b>Learn</b> how it works, step by step</button>
  </nav>
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
        "name": ["Model", facts.name if facts.step is None else f"{facts.name}, step {facts.step:,}"],
        "short": short(facts),
        "facts": [
            ["Parameters", f"{facts.parameters:,}"],
            ["Context", plural(facts.context, "character")],
            ["Vocabulary", plural(size, "character")],
            ["Layers × heads", f"{facts.layers} × {facts.heads}, {facts.width:,} wide"],
            ["Learnt from", facts.corpus or "not recorded"],
        ],
        "measured": "not measured" if loss is None else f"{loss:.2f} nats per character",
        "meaning": f"guessing would be ln {size:,} = {uniform:.2f} nats"
        if loss is None
        else f"as unsure as a fair choice among {choices(loss)} characters, not {size:,}",
        "ladder": [[name, f"{nats:.2f}", min(max(nats / most, 0.0), 1.0)] for name, nats in rungs],
    }


def short(facts: Facts) -> list[str]:
    """The model in a few words: how large it is, what it has learnt, and how unsure it is, with terms marked."""
    millions = facts.parameters / 1e6
    size = f"{millions:,.1f} million" if millions >= 1 else f"{facts.parameters:,}"
    loss = facts.validation_loss
    return [
        f"{size} [numbers](term:parameter)",
        *([f"learnt {facts.corpus}"] if facts.corpus else []),
        *([] if loss is None else [f"as unsure as choosing among {choices(loss)} letters"]),
    ]


def choices(loss: float) -> str:
    """Among how many equally likely characters a model with this loss in nats seems to choose."""
    many = math.exp(min(loss, 20.0))
    return f"{many:,.1f}".removesuffix(".0") if many < 10 else f"{many:,.0f}"
