"""From a move of the timeline's handle to painted: the attention grid of the film, beside opening a model anew.

The handle is moved by an arrow key on the page over the film, with all snapshots open; what is timed, in the browser,
is from the key until the grid of that step has been painted. Beside it the same grid after another snapshot was typed
into the picker, as every visitor had to do before, which opens the model, renews the page's components, and asks.
"""

import statistics

from strivelm import open_model

LENGTH = 96
PLOT = "#timeline .plot"
RESTS = 900  # ms after which the page has come to rest
TEXT = "The king is dead; the queen is not. " * 3
PAINTED = "document.querySelector('#attention-view [data-painted]').dataset.painted"
LISTEN = f"""() => {{
  window.measured = null;
  const before = {PAINTED};
  const pressed = async () => {{
    const began = performance.now();
    while ({PAINTED} === before) await new Promise(requestAnimationFrame);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));  // the frame is on the screen
    window.measured = performance.now() - began;
  }};
  document.addEventListener("keydown", pressed, {{ capture: true, once: true }});
}}"""


def row(browser, served, rounds: int) -> dict:
    """Milliseconds of a move of the handle, and of opening by the picker, taking turns.

    Args:
        served: gives the address of a page over an open model.
    """
    address = served(open_model("film"))
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{address}?tab=attention&text={TEXT[:LENGTH]}")
    page.wait_for_function("document.querySelector('#attention-view [data-judged]')")

    def pressed(place: str, key: str) -> float:
        page.evaluate(LISTEN)
        page.press(place, key)
        took = page.wait_for_function("measured").json_value()
        page.wait_for_timeout(RESTS)
        return took

    for key in ["Home", *["ArrowRight"] * 11]:  # every step once, so that all are open
        pressed(PLOT, key)
    moves, picks = [], []
    for turn in range(4 * max(rounds, 5)):
        moves.append(pressed(PLOT, "ArrowLeft" if turn % 8 < 4 else "ArrowRight"))
        if turn % 4 == 0:
            page.fill("#model input", ("film@step-122", "film@step-55")[turn // 4 % 2])
            picks.append(pressed("#model input", "Enter"))
    context.close()
    move, pick, worst = statistics.median(moves), statistics.median(picks), max(moves)
    line = (
        f"The film's attention grid at {LENGTH} characters, all snapshots open: {move:.0f} ms from the handle to "
        f"painted (at most {worst:.0f}), {pick:.0f} ms by opening a snapshot in the picker"
    )
    return {"characters": LENGTH, "move_ms": move, "move_worst_ms": worst, "pick_ms": pick, "line": line}
