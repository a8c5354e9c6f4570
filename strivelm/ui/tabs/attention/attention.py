"""The attention view: the maps of all heads, one of them large, lines, and the computation of one weight.

Its value is what `strivelm.ui.tabs.attention.payload.attention` gives. In the page, the heads'
patterns (`judged`), what does not depend on the text (`circuits`) and exact numbers arrive after the maps.
"""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<p class="empty">Each [head](term:head) reads the text in its own way. Press Look inside to see all heads.</p>
<div class="whole" hidden>
  <section class="all" aria-label="All heads">
    <h3>All heads</h3>
    <p class="how">Each small map is one [attention](term:attention) [head](term:head) that reads your text. Row: a
      character; columns: those up to it. The stronger the colour, the more it reads there. Choose a head.</p>
    <div class="grid" role="group" aria-label="Heads, a row per layer"></div>
    <p class="measured"></p>
    <h4>All heads together</h4>
    <div class="together" role="group" aria-label="Means, and all layers together"></div>
    <p class="circuits"></p>
    <p class="notes"></p>
    <div class="tools-all"></div>
  </section>
  <section class="one" aria-label="One head">
    <div class="text">
      <p class="keys">The character pointed at <i class="reads">reads</i> earlier ones and <i class="read">is read
        by</i> later ones. A click or Enter keeps it chosen.</p>
      <div class="strip" role="listbox" tabindex="0" aria-label="The text, character by character"></div>
      <p class="saying" role="status"></p>
      <p class="readout"></p>
    </div>
    <div class="title"><h3 class="name"></h3><span class="own"></span><p class="does"></p></div>
    <div class="modes">
      <span role="group" aria-label="What is shown of it">
        <button type="button" class="strivelm-tool" data-show="map">Map</button>
        <button type="button" class="strivelm-tool" data-show="lines">Lines</button>
        <button type="button" class="strivelm-tool" data-show="numbers">How this weight is computed</button>
      </span>
      <span class="scale" role="group" aria-label="Scale of the colours">
        <button type="button" class="strivelm-tool" data-scale="fixed">0 to 1</button>
        <button type="button" class="strivelm-tool" data-scale="row">each row to its largest</button>
      </span>
      <span class="which" role="group" aria-label="Whose lines">
        <button type="button" class="strivelm-tool" data-whose="one">this character</button>
        <button type="button" class="strivelm-tool" data-whose="all">the whole text</button>
      </span>
    </div>
    <div class="map">
      <div class="box">
        <canvas class="matrix" tabindex="0" role="img"></canvas>
        <div class="aside">
          <div class="legend"></div>
          <div class="scores"></div>
        </div>
      </div>
      <p class="copies"></p>
      <div class="course" hidden>
        <h4>In training</h4>
        <ul></ul>
        <p class="how">From left to right the steps of the training, the dot at the open one; the dashed line is
          [uniform](term:uniform).</p>
        <p class="strokes"></p>
      </div>
    </div>
    <div class="lines" hidden>
      <p class="how">From the character below to those above that it reads; a line's strength is the weight.</p>
      <div class="chosen-heads" role="group" aria-label="Heads whose lines are shown"></div>
      <div class="box"><canvas class="threads" role="img"></canvas></div>
      <p class="window"></p>
    </div>
    <div class="numbers" hidden></div>
    <div class="tools-one"></div>
  </section>
</div>
"""

PARTS = ("data", "training", "grid", "matrix", "strip", "lines", "calculation")
"""The parts of the script, one for each topic; they share a scope."""

VIEW = View(HERE, "attention", TEMPLATE, tuple(f"attention_{part}" for part in PARTS), styles=("attention_heads",))
