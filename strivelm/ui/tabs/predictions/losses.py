"""A text coloured by surprisal, and what else the model and the n-gram tables expected at each place."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view" aria-label="Loss by character">
  <p class="lead">The colour behind a character says how much it surprised the model: its <b>surprisal</b> is −ln of
    the probability that the model had given it. Point at a character to see what was expected instead.</p>
  <div class="legend"></div>
  <div class="columns">
    <div class="text"></div>
    <aside aria-live="polite">
      <h2 class="what"></h2>
      <p class="how"></p>
      <h3 class="likely">The model's likeliest</h3>
      <ol class="top"></ol>
      <h3 class="beside">Surprisal here, beside tables that only count</h3>
      <ol class="counts"></ol>
    </aside>
    <div class="rest">
      <h3>Loss so far: the mean surprisal up to each character</h3>
      <div class="plot"></div>
      <h3>Mean over this text, nats per character</h3>
      <ol class="means"></ol>
    </div>
  </div>
  <p class="note"></p>
  <div class="tools"></div>
</section>
"""

VIEW = View(HERE, "losses", TEMPLATE, parts=("predicted", "losses_plot"), styles=("predicted",))
"""Its value is what `strivelm.ui.tabs.predictions.payload.losses` gives."""
