"""Texts side by side, written with the same random numbers: coloured by surprisal, marked where they part."""

import json
from pathlib import Path

from strivelm.ui import limits
from strivelm.ui.components.view import View
from strivelm.ui.core import codec

HERE = Path(__file__).parent
TEMPLATE = """
<section aria-label="Texts side by side">
  <div class="bar"><p class="status" role="status"></p><span class="model"></span><div class="tools"></div></div>
  <p class="parting"></p>
  <div class="columns"></div>
  <div class="reading" aria-live="polite"></div>
  <div class="legend"></div>
</section>
"""

VIEW = View(HERE, "columns", TEMPLATE)


def nothing(sentence: str, run: str) -> dict:
    """The view's value before anything was written: a sentence, and the button that is pressed when it is seen."""
    return {"columns": [], "status": sentence, "writing": False, "run": run}


def summary(characters: int, many: int, seed: int, ended: str) -> str:
    """One line about texts: why they ended, how long they are, and the seed that brings them back."""
    reason = {"complete": "Finished", "time": f"Time is up after {limits.SECONDS:g} seconds"}.get(ended, "Stopped")
    where = "" if many == 1 else f" in each of {many} columns"
    return f"{reason}: {characters:,} character{'' if characters == 1 else 's'}{where}, seed {seed}"


def settled(value: str, model: str) -> str | None:
    """The value at rest, after what the browser shows was finished or stopped; None where another model wrote it."""
    shown = json.loads(value)
    if shown.get("model", model) != model:
        return None
    if not shown["writing"]:
        return value
    status = summary(len(shown["numbers"]), len(shown["columns"]), shown["seed"], "")
    return codec.dumps(shown | {"writing": False, "status": status})
