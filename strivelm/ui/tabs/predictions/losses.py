"""A text coloured by surprisal, and what else the model and the n-gram tables expected at each place."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view" aria-label="Loss by character">
  <p class="lead">The colour behind a character says how much it surprised the model: its [surprisal](term:surprisal).
    Point at a character to see what was expected instead.</p>
  <div class="legend"></div>
  <div class="columns">
    <div class="text"></div>
    <aside aria-live="polite">
      <h2 class="what"></h2>
      <p class="how"></p>
      <p class="training" hidden></p>
      <h3 class="likely">The model's likeliest</h3>
      <ol class="top"></ol>
      <h3 class="beside">Surprisal here in nats, beside [n-gram](term:n-gram) tables, which only count</h3>
      <ol class="counts"></ol>
    </aside>
    <div class="rest">
      <h3>[Loss](term:loss) so far: the mean surprisal up to each character</h3>
      <div class="plot"></div>
      <h3>Mean over this text, [nats](term:nat) per character</h3>
      <p class="unsure"></p>
      <p class="mean-training" hidden></p>
      <ol class="means"></ol>
    </div>
  </div>
  <p class="note"></p>
  <div class="tools"></div>
</section>
"""

VIEW = View(HERE, "losses", TEMPLATE, parts=("predicted", "losses_plot"), styles=("predicted",))
"""Its value is what `strivelm.ui.tabs.predictions.payload.losses` gives."""
