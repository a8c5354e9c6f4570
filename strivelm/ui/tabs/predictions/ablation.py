"""Heads and MLPs switched off: what becomes of a text's losses and of the next character, and the map of all parts."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view" aria-label="Switch parts off">
  <p class="lead">Click a head or an MLP to switch it off (dashed), and see what the model loses. Several can be off at
    once.</p>
  <div class="columns">
    <div>
      <div class="switches" role="group" aria-label="Heads and MLPs"></div>
      <div class="scale" aria-hidden="true"></div>
      <div class="controls">
        <span role="group" aria-label="What stands in the place of a part that is off"><span>In its place:</span>
          <button type="button" class="strivelm-tool" data-how="zero">Zero</button>
          <button type="button" class="strivelm-tool" data-how="mean">Mean over this text</button>
        </span>
        <button type="button" class="strivelm-tool on">All on again</button>
      </div>
      <p class="note method"></p>
      <div class="controls">
        <button type="button" class="strivelm-tool map" data-where="this">Map of all parts, on this text</button>
        <button type="button" class="strivelm-tool map" data-where="long">… on a longer text</button>
      </div>
      <p class="note mapped" role="status"></p>
    </div>
    <aside aria-live="polite">
      <h2 class="loss"></h2>
      <p class="how"></p>
      <h3 class="next"></h3>
      <ol class="pairs"></ol>
      <p class="note spread"></p>
    </aside>
  </div>
  <h3>Change of each character's loss, nats</h3>
  <div class="legend ramp" aria-hidden="true"></div>
  <div class="text"></div>
  <p class="note readout"></p>
  <div class="tools"></div>
</section>
"""

VIEW = View(HERE, "ablation", TEMPLATE, parts=("predicted", "ablation_map"), styles=("predicted",))
"""Its value is what `strivelm.ui.tabs.predictions.payload.ablation` gives."""
