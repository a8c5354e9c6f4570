"""Heads and MLPs switched off: what becomes of a text's losses and of the next character, and the map of all parts."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view" aria-label="Switch parts off">
  <p class="lead">What is each part good for? The number on a part is how much worse (+) or better (−) the model
    predicts without it, in [nats](term:nat). Press a [head](term:head) or an [MLP](term:MLP) to switch it off (dashed)
    and see what changes. Several can be off at once.</p>
  <div class="columns">
    <div>
      <div class="switches" role="group" aria-label="Heads and MLPs"></div>
      <div class="scale" aria-hidden="true"></div>
      <div class="controls">
        <span role="group" aria-label="What the numbers are measured on"><span>Numbers of:</span>
          <button type="button" class="strivelm-tool map" data-where="this">This text</button>
          <button type="button" class="strivelm-tool map" data-where="long">A longer text</button>
        </span>
      </div>
      <p class="note mapped" role="status"></p>
      <div class="controls">
        <span role="group" aria-label="What stands in the place of a part that is off"><span>In its place:</span>
          <button type="button" class="strivelm-tool" data-how="zero">Nothing</button>
          <button type="button" class="strivelm-tool" data-how="mean">Its mean over this text</button>
        </span>
        <button type="button" class="strivelm-tool on">All on again</button>
      </div>
      <p class="note method"></p>
    </div>
    <aside aria-live="polite">
      <h2 class="unsure"></h2>
      <p class="loss"></p>
      <p class="how"></p>
      <h3 class="next"></h3>
      <ol class="pairs"></ol>
      <p class="note spread"></p>
    </aside>
  </div>
  <h3>How the [surprisal](term:surprisal) of each character changes, in nats</h3>
  <div class="legend ramp" aria-hidden="true"></div>
  <div class="text"></div>
  <p class="note readout"></p>
  <div class="tools"></div>
</section>
"""

VIEW = View(HERE, "ablation", TEMPLATE, parts=("predicted", "ablation_map"), styles=("predicted",))
"""Its value is what `strivelm.ui.tabs.predictions.payload.ablation` gives."""
