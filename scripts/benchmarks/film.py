"""From a move of the timeline's handle to painted: the attention grid of the film, beside opening a model anew.

The handle is moved by an arrow key on the page over the film, with all snapshots open; what is timed, in the browser,
is from the key until the grid of that step has been painted. Beside it the same grid after another snapshot was typed
into the picker, as every visitor had to do before, which opens the model, renews the page's components, and asks.
"""

import statistics

from strivelm import open_model

LENGTH = 96
TEXT = "The king is dead; the queen is not. " * 3
KEY = """async (key) => {
  const plot = document.querySelector("#timeline .plot");
  const mark = () => document.querySelector("#attention-view [data-painted]").dataset.painted;
  const before = mark(), began = performance.now();
  plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  while (mark() === before) await new Promise(requestAnimationFrame);
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));  // the frame is on the screen
  return performance.now() - began;
}"""
PICK = """async (ref) => {
  const field = document.querySelector("#model input");
  const mark = () => document.querySelector("#attention-view [data-painted]").dataset.painted;
  strivelm.type("model", ref);
  await new Promise((done) => setTimeout(done, 100));
  const before = mark(), began = performance.now();
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  while (mark() === before) await new Promise(requestAnimationFrame);
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}"""


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
    page.focus("#timeline .plot")
    for key in ["Home", *["ArrowRight"] * 11]:  # every step once, so that all are open
        page.evaluate(KEY, key)
        page.wait_for_timeout(300)
    moves, picks = [], []
    for turn in range(max(rounds, 5) * 4):
        moves.append(page.evaluate(KEY, "ArrowLeft" if turn % 8 < 4 else "ArrowRight"))
        page.wait_for_timeout(700)
        if turn % 4 == 0:
            picks.append(page.evaluate(PICK, ("film@step-122", "film@step-55")[turn // 4 % 2]))
            page.wait_for_timeout(700)
    context.close()
    move, pick, worst = statistics.median(moves), statistics.median(picks), max(moves)
    line = (
        f"The film's attention grid at {LENGTH} characters, all snapshots open: {move:.0f} ms from the handle to "
        f"painted (at most {worst:.0f}), {pick:.0f} ms by opening a snapshot in the picker"
    )
    return {"characters": LENGTH, "move_ms": move, "move_worst_ms": worst, "pick_ms": pick, "line": line}
