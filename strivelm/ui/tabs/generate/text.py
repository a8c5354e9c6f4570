"""The text as it is written: each character coloured by its surprisal, beside it what else could have stood there.

Its value in the page says whether a text comes without a press (arrives). In a file it is what the question
"generate.write" yields, put together: head (its first piece, of the last writing), runs (the settings, each from a
place on), characters, seconds, ended, and overlap (what "generate.overlap" answers) or null.
"""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<div class="actions">
  <button type="button" class="action primary run" id="run-generate">Generate</button>
  <button type="button" class="action" id="continue" disabled>Continue</button>
  <button type="button" class="action stop" id="stop" disabled>Stop</button>
</div>
<div class="message-box" id="generate-message"><p class="message strivelm-marked" role="status" data-kind=""></p></div>
<section aria-label="The text">
  <div class="bar">
    <div class="told"><p><span class="status" role="status">Nothing written yet</span>
      <button type="button" class="strivelm-tool keep" hidden>Keep this seed</button></p></div>
    <button type="button" class="copy" disabled>Copy</button>
  </div>
  <div class="sheet">
    <div class="page" tabindex="0" role="group" aria-live="polite"
      aria-label="Prompt and generated text. The arrow keys go from character to character, Enter to its alternatives.">
      <p class="empty">Press Generate: the text appears here, one character after the other.</p>
      <span class="prompt"></span><span class="new"></span>
    </div>
    <aside class="choice" aria-label="The chosen character's alternatives" data-racing="false">
      <div class="race" role="group" aria-label="The likely next letters">
        <h3>Which letter comes next?</h3>
        <p class="change">Click one to change the story.</p>
        <ol></ol>
        <p>The model gives each one a chance. One is drawn.</p>
      </div>
      <h3></h3>
      <p class="said"></p>
      <ul class="bars"></ul>
      <p class="bars-key" hidden><i class="before"></i> what the model says<br><i class="after"></i> what is drawn from,
        after temperature, top-k and top-p<br><span class="how">Click a character to force it: the text before it
        stays, and the model goes on from there.</span></p>
    </aside>
  </div>
  <div class="foot" hidden>
    <p class="by"></p>
    <div class="legend"></div>
    <div class="switches">
      <button type="button" class="strivelm-tool colours" aria-pressed="true">Colours</button>
      <button type="button" class="strivelm-tool overlap-switch" aria-pressed="false"
        >Underline what stands in the training text</button>
      <label class="least" hidden>from
        <select class="strivelm-field" aria-label="Fewest characters of an underlined run"></select>
        characters on</label>
      <span class="mark" hidden><i>x</i> forced by you</span>
    </div>
    <div class="tools"></div>
    <p class="spans" role="status" hidden></p>
  </div>
</section>
<section class="film-strip" aria-label="The text at every step of the training" hidden>
  <h3>At every step of the training</h3>
  <p class="film-how">The same prompt and the same random numbers: only the model has learnt more. A click goes to that
    step.</p>
  <ol></ol>
  <p class="film-said" role="status"></p>
</section>
"""

OF_THE_TEXT = ("characters", "alternatives", "arrival", "link", "overlap", "export", "film")
PARTS = ("settings", *(f"text_{part}" for part in OF_THE_TEXT))
VIEW = View(HERE, "text", TEMPLATE, PARTS, styles=("message", "actions", "text_arrival", "text_film"))
