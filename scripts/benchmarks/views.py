"""From the press of a button to painted: 36 heads in our view, beside matplotlib and plotly of the same data.

Needs Chromium and playwright (tests/requirements.txt), matplotlib, and plotly where it is installed. Each is a page on
this machine with a button; what is timed, in the browser, is from the press until the picture of that press has been
painted. The model's own time, a forward pass that keeps the attention, is measured beside it and stands in each row:
all of them pay it. Bytes are all that the page receives, unpacked. After the last row our page is pressed a
hundred times, and its heap measured before and after. At the end the timeline's handle is moved (`film`).
"""

import os
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

from benchmarks import film
from benchmarks.peers import ours, seconds
from strivelm import OpenModel
from strivelm.inspection import trace

LENGTHS, HEADS, WIDTH = (64, 128, 256), 6, 384
PRESSES = 100
FIELD = "#attention-text textarea"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PRESS = """async ([button, painted]) => {
  const find = (selector) => document.querySelector(selector);
  const mark = () => (new Function("find", `return ${painted}`))(find);
  const before = mark(), began = performance.now();
  find(button).click();
  while (mark() === before) await new Promise(requestAnimationFrame);
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));  // the frame is on the screen
  return performance.now() - began;
}"""


def measure(rounds: int) -> Iterator[dict]:
    """A row for each length, and one for the page's memory."""
    from playwright.sync_api import sync_playwright

    opened = OpenModel("benchmark", ours(HEADS, HEADS, WIDTH, max(LENGTHS)), {})
    missing = [name for name in ("matplotlib", "plotly") if find_spec(name) is None]
    ways = {"ours": our_page(opened)} | {
        name: their_page(opened, name) for name in ("matplotlib", "plotly") if name not in missing
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for length in LENGTHS:
            yield row(browser, opened, ways, text_of(opened, length), rounds, missing)
        yield memory(browser, ways["ours"], text_of(opened, max(LENGTHS)))
        yield film.row(browser, address_of, rounds)
        browser.close()


def chromium() -> str:
    """The path of a Chromium. Raises ValueError where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        raise ValueError("no Chromium was found; install one (Debian: apt-get install chromium)")
    return found


def text_of(opened: OpenModel, length: int) -> str:
    """So many characters, of which none is like its neighbours."""
    chars = opened.model.tokenizer.chars.strip()
    return "".join(chars[(i * i + 3 * i) % len(chars)] for i in range(length))


def row(browser, opened: OpenModel, ways: dict, text: str, rounds: int, missing: list[str]) -> dict:
    """Milliseconds and bytes of each way at one length, taking turns."""
    trace(opened.model, text, keep={"attention"})
    model = [1000 * seconds(lambda: trace(opened.model, text, keep={"attention"})) for _ in range(rounds)]
    found = {"characters": len(text), "heads": HEADS * HEADS, "model_ms": statistics.median(model)}
    times, sizes = {name: [] for name in ways}, {}
    with pages(browser, ways, text) as open_pages:
        for turn in range(rounds + 1):  # the first does not count
            for name, (page, press, received) in open_pages.items():
                received.clear()
                # The view draws what is new: a text with another first character each time.
                page.fill(FIELD, f"{chr(ord('A') + turn % 26)}{text[1:]}")
                page.wait_for_timeout(100)
                took = page.evaluate(PRESS, press)
                page.wait_for_timeout(300)
                if turn:
                    times[name].append(took)
                sizes[name] = sum(received)
    for name in ways:
        found[f"{name}_ms"] = statistics.median(times[name])
        found[f"{name}_beyond_model_ms"] = found[f"{name}_ms"] - found["model_ms"]
        found[f"{name}_bytes"] = sizes[name]
    told = "; ".join(f"{name} {found[f'{name}_ms']:.0f} ms, {sizes[name] / 1e6:.2f} MB" for name in ways)
    absent = f"; not installed: {', '.join(missing)}" if missing else ""
    beyond = found["ours_beyond_model_ms"]
    cost = f"the model itself {found['model_ms']:.0f} ms; ours {beyond:.0f} beyond it"
    line = f"{len(text)} characters, 36 heads: {told} ({cost}){absent}"
    return found | {"not_installed": missing, "line": line}


@contextmanager
def pages(browser, ways: dict, text: str):
    """For each way an open page, what to press and look at, and the list to which the sizes of what comes are added."""
    found, contexts = {}, []
    for name, (address, press) in ways.items():
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        contexts.append(context)
        page, received = context.new_page(), []
        page.set_default_timeout(120_000)
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.dataReceived", lambda event, kept=received: kept.append(event["dataLength"]))
        page.goto(address)
        page.wait_for_selector(press[0])
        if name == "ours":
            page.wait_for_function("document.querySelector('[data-painted]')")
        found[name] = page, list(press), received
    yield found
    for context in contexts:
        context.close()


def memory(browser, way: tuple, text: str) -> dict:
    """The heap of our page, collected, after the first presses and after a hundred more."""
    with pages(browser, {"ours": way}, text) as found:
        page, press, _ = found["ours"]
        heap, session = [], page.context.new_cdp_session(page)
        for turn in range(PRESSES + 5):
            page.fill(FIELD, f"{chr(ord('A') + turn % 26)}{text[1:]}")
            page.wait_for_timeout(50)
            page.evaluate(PRESS, press)
            if turn in (4, PRESSES + 4):
                page.wait_for_timeout(3_000)
                for _ in range(2):  # what the browser itself holds of a page goes in a second round
                    session.send("HeapProfiler.collectGarbage")
                heap.append(session.send("Runtime.getHeapUsage")["usedSize"] / 1e6)
    grown = f"{heap[0]:.1f} MB, after {PRESSES} more {heap[1]:.1f} MB"
    line = f"Our page's heap after 5 presses of {len(text)} characters {grown}"
    return {"presses": PRESSES, "heap_before_mb": heap[0], "heap_after_mb": heap[1], "line": line}


def our_page(opened: OpenModel) -> tuple[str, tuple[str, str]]:
    """Where the page with the Attention tab is, what to press, and what tells that it is painted."""
    painted = 'find("#attention-view [data-painted]")?.dataset.painted'
    return f"{address_of(opened)}?tab=attention", ("#run-attention", painted)


def address_of(opened: OpenModel) -> str:
    """Where our page over a model is."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from strivelm.ui import build, launch_options

    page = build(opened)
    options = launch_options() | {"quiet": True, "prevent_thread_lock": True}
    return page.launch(server_name="127.0.0.1", **options)[1]


def their_page(opened: OpenModel, name: str) -> tuple[str, tuple[str, str]]:
    """A Gradio page that draws the same data with matplotlib or plotly, as its users would."""
    import gradio as gr

    draw = {"matplotlib": with_matplotlib, "plotly": with_plotly}[name]

    def look(text: str):
        return draw(trace(opened.model, text, keep={"attention"}).attention.flatten(0, 1).numpy())

    with gr.Blocks(analytics_enabled=False) as page:
        text, press = gr.Textbox(lines=2, elem_id="attention-text"), gr.Button("Look", elem_id="look")
        press.click(look, text, gr.Plot(elem_id="plot"), show_progress="hidden")
    address = page.launch(server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, run_history=False)[1]
    picture = 'find("#plot img")?.src' if name == "matplotlib" else 'find("#plot .main-svg")?.outerHTML?.length'
    complete = f'(find("#plot img")?.complete === false ? undefined : {picture})' if name == "matplotlib" else picture
    return address, ("#look", complete)


def with_matplotlib(maps):
    """Six by six images."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9))
    for axes, weights in zip(figure.subplots(HEADS, HEADS).flat, maps, strict=True):
        axes.imshow(weights, vmin=0, vmax=1)
        axes.set_axis_off()
    return figure


def with_plotly(maps):
    """Six by six heat maps."""
    from plotly import graph_objects
    from plotly.subplots import make_subplots

    figure = make_subplots(HEADS, HEADS)
    for i, weights in enumerate(maps):
        figure.add_trace(
            graph_objects.Heatmap(z=weights, zmin=0, zmax=1, showscale=False), i // HEADS + 1, i % HEADS + 1
        )
    return figure
