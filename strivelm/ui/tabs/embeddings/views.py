"""The views of the Embeddings tab, one for each inner tab, and what shows the inner tab that is chosen.

Each has a script and a style of its own name. They share embeddings.css and shared.js: how numbers are written, the
character that is chosen, and how a view asks.
"""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent


def _view(name: str, template: str) -> View:
    return View(HERE, name, template, ("shared",), ("embeddings",))


LOOK = """
  <div class="controls">
    <span class="pair" role="group" aria-label="Dimensions">
      <button type="button" class="strivelm-tool two" aria-pressed="true">2D</button>
      <button type="button" class="strivelm-tool three" aria-pressed="false">3D</button>
    </span>
    <span class="pair" role="group" aria-label="Zoom">
      <button type="button" class="strivelm-tool out" aria-label="Smaller">−</button>
      <button type="button" class="strivelm-tool in" aria-label="Larger">+</button>
      <button type="button" class="strivelm-tool reset">Reset</button>
    </span>
    {more}
  </div>
"""

FIELD = (
    '<input class="strivelm-field {kind}" type="text" maxlength="4" autocomplete="off" spellcheck="false" '
    'aria-label="{name}">'
)
FIND = f'<label class="find">{{label}} {FIELD}</label>'
COLOUR_BY = '<span class="pair by" role="group" aria-label="Colour by"><span class="small">Colour by</span></span>'

MAP = _view(
    "map",
    f"""
<section class="view" aria-label="Map of the characters">
  <p class="lead">The model has learnt a [vector](term:vector) for each character, its [embedding](term:embedding).
    Characters that it treats alike lie near each other. <span class="said"></span></p>
  {LOOK.format(more=FIND.format(label="Find", kind="", name="Find a character"))}
  <div class="beside">
    <div class="board"><canvas class="strivelm-plot"></canvas></div>
    <div class="about" aria-live="polite">
      <h4></h4><p class="facts"></p><ol class="near"></ol><p class="small chance"></p>
      <ul class="key" aria-label="Classes"></ul>
      <p class="small how"></p>
    </div>
  </div>
  <div class="tools"></div>
</section>
""",
)

NEIGHBOURS = _view(
    "neighbours",
    f"""
<section class="view" aria-label="Neighbours and analogies">
  <p class="lead">Which characters have [vectors](term:vector) that point the same way? A [cosine](term:cosine) of 1
    means the same direction, 0 that they have nothing in common.</p>
  <div class="columns">
    <div>
      <h4>Neighbours of
        {FIELD.format(kind="char", name="Character")}</h4>
      <p class="small wrong" role="status"></p>
      <ol class="near"></ol>
      <p class="small average"></p>
      <div class="training" hidden>
        <h4>Its nearest neighbours in training</h4>
        <ol class="course"></ol>
      </div>
    </div>
    <div>
      <h4>Analogy</h4>
      <p class="question" role="group" aria-label="Analogy">
        {FIELD.format(kind="start", name="From")} −
        {FIELD.format(kind="minus", name="less")} +
        {FIELD.format(kind="plus", name="and")} =
        <output class="answer"></output></p>
      <p class="small found" role="status"></p>
      <ol class="ranking" tabindex="0" aria-label="All answers, the best first"></ol>
      <p class="small every"></p>
    </div>
  </div>
  <h4>Is the nearest neighbour of the same kind?</h4>
  <div class="controls">
    <span class="pair by" role="group" aria-label="Kinds"></span>
    <label class="check"><input type="checkbox" class="same"> count the letter’s other case as a neighbour</label>
  </div>
  <p class="small purity"></p>
  <p class="small training purity-training" hidden></p>
  <ol class="groups"></ol>
  <p class="small">A bar is the share of characters whose nearest neighbour is of their kind, from 0 to 100 %. The line
    across it is what chance would give, if neighbours were drawn at random.</p>
  <div class="tools"></div>
</section>
""",
)

SIMILARITY = _view(
    "similarity",
    """
<section class="view" aria-label="Similarity of the characters">
  <p class="lead">How alike are any two characters? Each cell is the [cosine](term:cosine) of their
    [vectors](term:vector). <span class="said"></span></p>
  <div class="controls">
    <span class="pair" role="group" aria-label="Order">
      <button type="button" class="strivelm-tool" data-order="class">By class</button>
      <button type="button" class="strivelm-tool" data-order="clusters">By clusters</button>
      <button type="button" class="strivelm-tool" data-order="given">As in the vocabulary</button>
    </span>
    <output class="readout" aria-live="polite"></output>
  </div>
  <div class="beside">
    <div class="scroll"><canvas class="strivelm-plot"></canvas></div>
    <div class="about">
      <h4 class="alike">The pairs that are most alike</h4>
      <ol class="pairs"></ol>
      <div class="ramp"></div>
      <ul class="key" aria-label="Classes"></ul>
      <p class="small how"></p>
    </div>
  </div>
  <div class="tools"></div>
</section>
""",
)

POSITIONS = _view(
    "positions",
    f"""
<section class="view" aria-label="Positions">
  <p class="lead">[Attention](term:attention) alone does not know the order of a text. So the model adds a learnt
    [vector](term:vector) for each [position](term:position) to that of the character. <span class="said"></span></p>
  <div class="columns">
    <div>
      <h4>Cosine of any two positions</h4>
      <p class="small"><output class="readout" aria-live="polite"></output></p>
      <div class="board"><canvas class="strivelm-plot matrix"></canvas></div>
      <div class="ramp"></div>
      <p class="small matrix-said"></p>
    </div>
    <div>
      <h4>The path from the first position to the last</h4>
      {LOOK.format(more='<output class="readout point" aria-live="polite"></output>')}
      <div class="board"><canvas class="strivelm-plot path"></canvas></div>
      <p class="small path-said"></p>
    </div>
    <div>
      <h4>Cosine by distance</h4>
      <div class="distance"></div>
      <p class="small distance-said"></p>
    </div>
    <div>
      <h4>Lengths</h4>
      <div class="norms"></div>
      <p class="small norms-said"></p>
      <p class="small training" hidden></p>
    </div>
  </div>
  <div class="tools"></div>
</section>
""",
)

STATES = _view(
    "states",
    f"""
<section class="view" aria-label="Characters in context">
  <p class="lead">Each point is one character of the text: the [vector](term:vector) that the model has for it at one
    depth. Move the slider from the [embeddings](term:embedding) to the last [layer](term:layer). Do equal characters
    stay together, or do the characters around them pull them apart?</p>
  <p class="small note" role="status"></p>
  <div class="controls">
    <label class="depth">Depth <input type="range" min="0" step="1" aria-label="Depth"><output></output></label>
    <button type="button" class="strivelm-tool play">Play</button>
  </div>
  {LOOK.format(more=FIND.format(label="Character", kind="", name="Character to point out") + COLOUR_BY)}
  <p class="strip" role="group" aria-label="The text; point at a character to find it on the map"></p>
  <div class="beside">
    <div class="board"><canvas class="strivelm-plot"></canvas></div>
    <div class="about">
      <p class="point" aria-live="polite"></p>
      <ul class="key" aria-label="Colours"></ul>
      <h4 class="plain">Is the nearest neighbour the same, at each depth?</h4>
      <div class="purities"></div>
      <p class="small purity-said"></p>
    </div>
  </div>
  <p class="small said"></p>
  <div class="tools"></div>
</section>
""",
)

BIGRAM_TABLE = _view(
    "bigram_table",
    """
<section class="view" aria-label="What a table knows">
  <p class="lead">How much of the model is no more than a table of pairs ([bigram](term:bigram))? Row: the character
    just read; column: the one that comes next. The stronger the colour, the more often. <span class="said"></span></p>
  <div class="controls">
    <span class="pair which" role="group" aria-label="The middle map"></span>
    <span class="pair rows" role="group" aria-label="Which characters"></span>
    <output class="readout" aria-live="polite"></output>
  </div>
  <div class="maps"></div>
  <div class="ramps"></div>
  <div class="columns">
    <div><h4 class="row-title"></h4><ol class="next"></ol><p class="small row-said"></p></div>
    <div class="kls"><h4>What is lost against the counts, in [nats](term:nat)</h4><ol class="kl" tabindex="0"
      aria-label="The loss after each character"></ol><p class="small kl-said"></p></div>
  </div>
  <p class="small direct-said"></p>
  <div class="tools"></div>
</section>
""",
)

INNER = {
    "map": ("Map", MAP),
    "near": ("Neighbours and analogies", NEIGHBOURS),
    "similarity": ("Similarity", SIMILARITY),
    "positions": ("Positions", POSITIONS),
    "context": ("In context", STATES),
    "table": ("What a table knows", BIGRAM_TABLE),
}
"""The inner tabs by id: their titles and views."""

INNER_TABS = View(HERE, "inner_tabs", "")
"""Shows nothing: it keeps the chosen inner tab in the address, and opens the one that an address names."""
