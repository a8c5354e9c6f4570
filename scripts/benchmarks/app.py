"""The page as its visitors meet it: how soon it is there, how fast it writes for one and for many, what it keeps.

Each round starts `python app.py` anew on the bundled model. A real Chromium opens it; text is streamed by the public
endpoint to 1, 4 and 16 visitors at once, beside `model.generate` called once in this process: the speed of all together
over that is what the page makes of the model. Needs Playwright (tests/requirements.txt) and a Chromium.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from benchmarks.peers import seconds
from strivelm import load_model

APP = Path(__file__).resolve().parents[2] / "app.py"
VISITORS = (1, 4, 16)
CHARACTERS = 300
GENERATIONS = 200
SETTINGS = {"temperature": 0.8, "top_k": 40}


def measure(rounds: int) -> Iterator[dict]:
    """A row for how soon the page is there, one for each number of visitors, and one for the memory it holds."""
    starts, alone, streams = [], [], {visitors: [] for visitors in VISITORS}
    model = load_model("bundled")
    model.generate("\n", 10)
    for last in range(rounds)[::-1]:
        with _served() as (address, process, times):
            starts.append(times | _visit(address))
            alone.append(CHARACTERS / seconds(lambda: model.generate("\n", CHARACTERS, seed=1, **SETTINGS)))
            for visitors, speeds in streams.items():
                speeds.append(_stream(address, visitors))
            if not last:
                memory = _memory(address, process)
    found = {name: statistics.median(start[name] for start in starts) for name in starts[0]}
    yield found | {
        "line": f"first 200 after {found['answers_s']:.1f} s; usable {found['usable_s']:.1f} s after it is opened; "
        f"from the press to the first character {1000 * found['first_character_s']:.0f} ms"
    }
    for visitors, speeds in streams.items():
        ratio = statistics.median(speed / one for speed, one in zip(speeds, alone, strict=True))
        speed = statistics.median(speeds)
        yield {
            "visitors": visitors,
            "characters_per_second": speed,
            "each": speed / visitors,
            "of_the_model_alone": ratio,
            "line": f"{visitors} visitor{'s' * (visitors > 1)}: {speed:,.0f} characters/s together, "
            f"{speed / visitors:,.0f} each, {ratio:.2f} of the model alone",
        }
    yield memory | {
        "line": f"memory: {memory['before_mb']:,.0f} MB after {memory['warm']} generations, "
        f"{memory['after_mb']:,.0f} MB after {GENERATIONS} more ({memory['growth_mb']:+.1f} MB)"
    }


@contextmanager
def _served() -> Iterator[tuple[str, subprocess.Popen, dict]]:
    """A page of its own: its address, its process, and how long it took to answer."""
    from socket import socket

    with socket() as at:
        at.bind(("127.0.0.1", 0))
        port = at.getsockname()[1]
    where = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "HF_HUB_OFFLINE": "1"}
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, str(APP)], env=os.environ | where, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/"
    try:
        while True:
            try:
                with urlopen(address, timeout=10) as answer:
                    assert answer.status == 200
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError("app.py ended before it answered") from None
                time.sleep(0.02)
        yield address, process, {"answers_s": time.perf_counter() - begun}
    finally:
        process.terminate()
        process.wait(30)


def _visit(address: str) -> dict:
    """How long a browser takes to a page that can be used, and from the press to the first character."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise RuntimeError("no Chromium was found; install one (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        begun = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("#run-generate:enabled")
        page.wait_for_selector("#header dd")
        usable = time.perf_counter() - begun
        # Timed in the page itself, looking at every frame that is painted.
        page.evaluate(
            """() => document.querySelector("#run-generate").addEventListener("click", () => {
              const pressed = performance.now();
              const look = () => {
                const text = document.querySelector("#generate-text .new");
                if (text?.textContent) window.waited = (performance.now() - pressed) / 1000;
                else requestAnimationFrame(look);
              };
              look();
            })"""
        )
        page.click("#run-generate")
        page.wait_for_function("window.waited !== undefined")
        first = page.evaluate("window.waited")
        browser.close()
    return {"usable_s": usable, "first_character_s": first}


def _stream(address: str, visitors: int) -> float:
    """Characters a second that all visitors together were sent, from the first press to the last character."""
    with ThreadPoolExecutor(visitors) as pool:
        begun = time.perf_counter()
        characters = sum(pool.map(lambda seed: len(_written(address, seed, CHARACTERS)), range(visitors)))
        return characters / (time.perf_counter() - begun)


def _written(address: str, seed: int, characters: int) -> str:
    """What the public endpoint streams, read to its end, as a program without Gradio's client would."""
    settings = SETTINGS | {"prompt": "\n", "max_new_tokens": characters, "seed": seed}
    asked = Request(f"{address}gradio_api/call/v2/generate", json.dumps(settings).encode())
    asked.add_header("Content-Type", "application/json")
    with urlopen(asked, timeout=120) as answer:
        event = json.load(answer)["event_id"]
    with urlopen(f"{address}gradio_api/call/generate/{event}", timeout=120) as answer:
        data = [line[6:] for line in answer if line.startswith(b"data: [")]
    return json.loads(data[-1])[0]


def _memory(address: str, process: subprocess.Popen, warm: int = 20) -> dict:
    """What the page's process holds after some generations, and after many more."""

    def held(generations: int) -> float:
        for seed in range(generations):
            _written(address, seed, 50)
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    before = held(warm)
    after = held(GENERATIONS)
    return {"warm": warm, "before_mb": before, "after_mb": after, "growth_mb": after - before}
