"""The views of the Embeddings tab: the map of characters and what hangs together with it.

Each is a `View` with a script of its own (space_NAME.js); they share space.css and the parts that several need: numbers
that come as text (space_data), a map of points (space_scatter), a heat map (space_heat), a line chart (space_lines).
"""

from pathlib import Path

from strivelm.ui.components.view import View, read

HERE = Path(__file__).parent


class SpaceView(View):
    """A view of this tab."""

    @property
    def style(self) -> str:
        """The rules that all of them share."""
        return read("space.css", self.folder)


def _view(name: str, parts: tuple[str, ...], template: str) -> SpaceView:
    return SpaceView(HERE, name, template, ("space_data", *parts))


TURN = """
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

FIND = (
    '<label class="find">{label} <input type="text" maxlength="4" autocomplete="off" spellcheck="false" '
    'aria-label="{name}"></label>'
)
COLOUR_BY = '<span class="pair by" role="group" aria-label="Colour by"><span class="small">Colour by</span></span>'

MAP = _view(
    "space_map",
    ("space_scatter",),
    f"""
<section class="space" aria-label="Map of the characters">
  <p class="lead">Each character is a vector that the model has learnt; characters that it treats alike lie near each
    other. <span class="said"></span></p>
  {TURN.format(more=FIND.format(label="Find", name="Find a character"))}
  <div class="beside">
    <div class="board"><canvas class="plot" tabindex="0" role="img"></canvas></div>
    <div class="about" aria-live="polite">
      <h4></h4><p class="facts"></p><ol class="bars"></ol><p class="small chance"></p>
    </div>
  </div>
  <ul class="legend" aria-label="Classes"></ul>
  <p class="small key"></p>
  <div class="tools"></div>
</section>
""",
)

NEAR = _view(
    "space_near",
    (),
    """
<section class="space" aria-label="Neighbours and analogies">
  <p class="lead">Which characters point the same way? A cosine of 1 is the same direction, 0 has nothing in common.</p>
  <div class="columns">
    <div>
      <h4>Neighbours of
        <input class="char" type="text" maxlength="4" autocomplete="off" spellcheck="false" aria-label="Character"></h4>
      <p class="small wrong" role="status"></p>
      <ol class="bars near"></ol>
      <p class="small average"></p>
    </div>
    <div>
      <h4>Analogy</h4>
      <p class="question" role="group" aria-label="Analogy">
        <input class="start" type="text" maxlength="4" autocomplete="off" spellcheck="false" aria-label="From"> −
        <input class="minus" type="text" maxlength="4" autocomplete="off" spellcheck="false" aria-label="less"> +
        <input class="plus" type="text" maxlength="4" autocomplete="off" spellcheck="false" aria-label="and"> =
        <output class="answer"></output></p>
      <p class="small found" role="status"></p>
      <ol class="bars ranking" tabindex="0" aria-label="All answers, the likest first"></ol>
      <p class="small every"></p>
    </div>
  </div>
  <h4>Are nearest neighbours of a kind?</h4>
  <div class="controls">
    <span class="pair by" role="group" aria-label="Kinds"></span>
    <label class="check"><input type="checkbox" class="same"> the letter’s other case counts as a neighbour</label>
  </div>
  <p class="small purity"></p>
  <ol class="bars groups"></ol>
  <p class="small">Bars: the share of characters whose nearest neighbour is of their kind, from 0 to 100 %. The line
    across each bar: the share by chance, had neighbours been drawn at random.</p>
  <div class="tools"></div>
</section>
""",
)

COSINES = _view(
    "space_cosines",
    ("space_heat",),
    """
<section class="space" aria-label="Similarity of the characters">
  <p class="lead">Every character against every other: the cosine of their vectors. <span class="said"></span></p>
  <div class="controls">
    <span class="pair" role="group" aria-label="Order">
      <button type="button" class="strivelm-tool" data-order="class">By class</button>
      <button type="button" class="strivelm-tool" data-order="clusters">By clusters</button>
      <button type="button" class="strivelm-tool" data-order="given">As in the vocabulary</button>
    </span>
    <output class="readout" aria-live="polite"></output>
  </div>
  <div class="scroll"><canvas class="plot" tabindex="0" role="img"></canvas></div>
  <div class="ramp"></div>
  <ul class="legend" aria-label="Classes"></ul>
  <p class="small key"></p>
  <div class="tools"></div>
</section>
""",
)

POSITIONS = _view(
    "space_positions",
    ("space_scatter", "space_heat", "space_lines"),
    f"""
<section class="space" aria-label="Positions">
  <p class="lead">Attention itself does not know the order of a text: the model adds a learnt vector for each position
    to the character’s own. <span class="said"></span></p>
  <div class="columns">
    <div>
      <h4>Cosine of any two positions</h4>
      <p class="small"><output class="readout" aria-live="polite"></output></p>
      <div class="board"><canvas class="plot matrix" tabindex="0" role="img"></canvas></div>
      <div class="ramp"></div>
      <p class="small matrix-said"></p>
    </div>
    <div>
      <h4>The path from the first position to the last</h4>
      {TURN.format(more='<output class="readout point" aria-live="polite"></output>')}
      <div class="board"><canvas class="plot path" tabindex="0" role="img"></canvas></div>
      <p class="small path-said"></p>
    </div>
    <div>
      <h4>Cosine by distance</h4>
      <div class="chart distance"></div>
      <p class="small distance-said"></p>
    </div>
    <div>
      <h4>Lengths</h4>
      <div class="chart norms"></div>
      <p class="small norms-said"></p>
    </div>
  </div>
  <div class="tools"></div>
</section>
""",
)

STATES = _view(
    "space_states",
    ("space_scatter", "space_lines"),
    f"""
<section class="space" aria-label="Characters in context">
  <p class="lead">Each point is one place of the text: what the model holds there at a depth. Move the slider from
    the embeddings to the last block: do equal characters stay together, or does what surrounds them pull them
    apart?</p>
  <p class="small note" role="status"></p>
  <div class="controls">
    <label class="depth">Depth <input type="range" min="0" step="1" aria-label="Depth"><output></output></label>
    <button type="button" class="strivelm-tool play">Play</button>
  </div>
  {TURN.format(more=FIND.format(label="Character", name="Character to point out") + COLOUR_BY)}
  <p class="strip" role="group" aria-label="The text; point at a character to find it on the map"></p>
  <div class="beside">
    <div class="board"><canvas class="plot" tabindex="0" role="img"></canvas></div>
    <div class="about">
      <p class="point" aria-live="polite"></p>
      <ul class="legend" aria-label="Colours"></ul>
      <h4 class="plain">Is the nearest neighbour of a kind, by depth?</h4>
      <div class="chart"></div>
    </div>
  </div>
  <p class="small purity-said"></p>
  <p class="small said"></p>
  <div class="tools"></div>
</section>
""",
)

TABLE = _view(
    "space_table",
    ("space_heat",),
    """
<section class="space" aria-label="What a table knows">
  <p class="lead">Row: a character just read. Column: the character after it. A table of counts knows this much and no
    more; how much of it is in the model? <span class="said"></span></p>
  <div class="controls">
    <span class="pair which" role="group" aria-label="The middle map"></span>
    <output class="readout" aria-live="polite"></output>
  </div>
  <div class="maps"></div>
  <div class="ramps"></div>
  <div class="columns">
    <div><h4 class="row-title"></h4><ol class="bars row"></ol><p class="small row-said"></p></div>
    <div class="kls"><h4>How far from the counts, in nats</h4><ol class="bars kl" tabindex="0"
      aria-label="KL divergence of each character"></ol><p class="small kl-said"></p></div>
  </div>
  <p class="small direct-said"></p>
  <div class="tools"></div>
</section>
""",
)
