"""The logit lens: the next character that each depth of the model would name, at each place of a text."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view" aria-label="Logit lens">
  <p class="lead">What would the model write next if it stopped early? Each column is a place in the text, each row one
    step further through the model ([logit lens](term:logit lens)). Follow a column downwards and watch the answer
    form.</p>
  <div class="legend"><span class="scale" aria-hidden="true"></span>
    <span class="key"><i class="step"></i> below it, the final answer no longer changes</span>
    <span class="key"><i class="first">●</i> the final answer appears for the first time</span>
    <span class="key"><u>e</u> is what the text says next</span></div>
  <div class="grid">
    <div class="depths" aria-hidden="true"></div>
    <div class="scroll"><canvas class="cells"></canvas><div class="wide"></div></div>
  </div>
  <aside class="detail" aria-live="polite">
    <div><h2 class="what"></h2><p class="how"></p>
      <p class="training" hidden></p></div>
    <ol class="top"></ol>
  </aside>
  <p class="note">The first rows mostly name the character just read: the model has one list of numbers for a character,
    to read it and to write it. Nobody trained early rows to be read like this, so the model may know more there than
    can be seen.</p>
  <div class="tools"></div>
</section>
"""

VIEW = View(HERE, "lens", TEMPLATE, parts=("predicted", "lens_cells"), styles=("predicted",))
"""Its value is what `strivelm.ui.tabs.predictions.payload.lens` gives."""
