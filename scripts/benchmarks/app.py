"""The page as its visitors meet it: how soon it is there, how fast it writes for one and for many, what it keeps.

Each round starts `python app.py` twice on the bundled model: as it is, and without a C compiler, where torch writes for
each visitor alone. A real Chromium opens the first; then 1, 4, 16 and 64 visitors at once have text written by the
question that the page's Generate tab asks, in turns on both; at last 8 write while 8 look at the attention of 256
characters. Needs Playwright (tests/requirements.txt) and a Chromium.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

APP = Path(__file__).resolve().parents[2] / "app.py"
VISITORS = (1, 4, 16, 64)
BOTH = (1, 4, 16)
"""With how many visitors torch is measured as well; more would take minutes."""
BESIDE = 8
"""How many write while as many look."""
CHARACTERS = 300
LOOKED_AT = 256
GENERATIONS = 200
SETTINGS = {"temperature": 0.8, "top_k": 40, "top_p": 1.0}


@dataclass(frozen=True)
class Visit:
    """What one visitor met who had a text written."""

    characters: int
    updates: int
    bytes: int
    """As they came over the wire, all of the answer."""
    first: float
    """Seconds from the question to the first character."""
    seconds: float
    """Seconds from the question to the last one."""
    refused: str = ""


def measure(rounds: int) -> Iterator[dict]:
    """A row for how soon the page is there, one for each number of visitors, one for looks, and one for the memory."""
    starts, looked, visits, former = [], [], {many: [] for many in VISITORS}, {many: [] for many in BOTH}
    with tempfile.TemporaryDirectory() as empty:
        without = {"CC": str(Path(empty) / "none"), "STRIVELM_CACHE": empty}
        for last in range(rounds)[::-1]:
            with _served() as (address, process, times), _served(without) as (by_torch, _, _):
                starts.append(times | _visit(address))
                for many in VISITORS:
                    _together(address, 1)  # C is compiled, the weights are packed
                    visits[many].append(_together(address, many))
                    if many in BOTH:
                        former[many].append(_together(by_torch, many))
                looked.append(_beside_looks(address))
                if not last:
                    memory = _memory(address, process)
    found = {name: statistics.median(start[name] for start in starts) for name in starts[0]}
    yield found | {
        "line": f"first 200 after {found['answers_s']:.1f} s; usable {found['usable_s']:.1f} s after it is opened; "
        f"from the press to the first character {1000 * found['first_character_s']:.0f} ms"
    }
    for many in VISITORS:
        yield _row(many, visits[many], former.get(many))
    kept = statistics.median(beside / alone for beside, alone in looked)
    yield {
        "writers_keep": kept,
        "line": f"{BESIDE} who write beside {BESIDE} who look at {LOOKED_AT} characters keep {kept:.2f} of their speed",
    }
    yield memory | {
        "line": f"memory: {memory['before_mb']:,.0f} MB after {memory['warm']} generations, "
        f"{memory['after_mb']:,.0f} MB after {GENERATIONS} more ({memory['growth_mb']:+.1f} MB)"
    }


def _row(many: int, rounds: list[list[Visit]], former: list[list[Visit]] | None) -> dict:
    speeds, everybody = [_speed(visits) for visits in rounds], [visit for visits in rounds for visit in visits]
    speed, served = statistics.median(speeds), [visit for visit in everybody if not visit.refused]
    characters = sum(visit.characters for visit in served) or 1
    row = {
        "visitors": many,
        "characters_per_second": speed,
        "each": speed / many,
        "refused": len(everybody) - len(served),
        "slowest_to_fastest": statistics.median(
            min(each := [v.characters / v.seconds for v in visits]) / max(max(each), 1e-9) for visits in rounds
        ),
        "last_first_character_s": max((visit.first for visit in served), default=0.0),
        "bytes_per_character": sum(visit.bytes for visit in served) / characters,
        "updates_per_second": statistics.mean(visit.updates / visit.seconds for visit in served) if served else 0.0,
    }
    line = (
        f"{many} visitor{'s' * (many > 1)}: {speed:,.0f} characters/s together, {speed / many:,.0f} each; "
        f"{row['refused']} refused; the slowest has {row['slowest_to_fastest']:.2f} of the fastest's speed; "
        f"the last first character after {row['last_first_character_s']:.2f} s; "
        f"{row['bytes_per_character']:.0f} bytes a character, {row['updates_per_second']:.1f} updates/s each"
    )
    if former:
        row["times_torch"] = statistics.median(a / b for a, b in zip(speeds, map(_speed, former), strict=True))
        torch_speed = statistics.median(map(_speed, former))
        line += f"; {row['times_torch']:.1f}x torch for each alone ({torch_speed:,.0f} characters/s)"
    return row | {"line": line}


def _speed(visits: list[Visit]) -> float:
    return sum(visit.characters for visit in visits) / max(visit.seconds for visit in visits)


@contextmanager
def _served(settings: dict[str, str] | None = None) -> Iterator[tuple[str, subprocess.Popen, dict]]:
    """A page of its own: its address, its process, and how long it took to answer."""
    from socket import socket

    with socket() as at:
        at.bind(("127.0.0.1", 0))
        port = at.getsockname()[1]
    where = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "HF_HUB_OFFLINE": "1"}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(APP)], env=os.environ | where | (settings or {}), stdout=subprocess.DEVNULL
    )
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


def _together(address: str, many: int) -> list[Visit]:
    """What so many visitors meet who press at once."""
    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(lambda seed: _asked(address, seed), range(many)))


def _asked(address: str, seed: int) -> Visit:
    """What the page's Generate tab asks, read to its end."""
    arguments = SETTINGS | {"prompt": "\n", "count": CHARACTERS, "seed": seed}
    question = {"name": "generate.write", "of": ["bundled"], "arguments": arguments}
    asked = Request(f"{address}gradio_api/call/writing", json.dumps({"data": [question]}).encode())
    asked.add_header("Content-Type", "application/json")
    begun, first, characters, updates, size, refused = time.perf_counter(), 0.0, 0, 0, 0, ""
    with urlopen(asked, timeout=300) as answer:
        event = json.load(answer)["event_id"]
    with urlopen(f"{address}gradio_api/call/writing/{event}", timeout=300) as answer:
        for line in answer:
            size += len(line)
            if not line.startswith(b"data: "):
                refused = refused or ("refused" if line.startswith(b"event: error") else "")
                continue
            piece = (json.loads(line[6:]) or [{}])[0]
            refused = refused or piece.get("error", "")
            if new := len(piece.get("value", {}).get("characters", ())):
                first = first or time.perf_counter() - begun
                characters, updates = characters + new, updates + 1
    return Visit(characters, updates, size, first, time.perf_counter() - begun, refused)


def _beside_looks(address: str) -> tuple[float, float]:
    """Characters a second of some who write beside as many who look inside, and alone."""
    over, text = threading.Event(), _written(address, 1, LOOKED_AT)[:LOOKED_AT]
    body = json.dumps({"data": [text, 0, 0, "bundled"]}).encode()

    def look(_: int) -> None:
        while not over.is_set():
            asked = Request(f"{address}gradio_api/call/attention", body, {"Content-Type": "application/json"})
            with urlopen(asked, timeout=300) as answer:
                event = json.load(answer)["event_id"]
            with urlopen(f"{address}gradio_api/call/attention/{event}", timeout=300) as answer:
                answer.read()

    alone = _speed(_together(address, BESIDE))
    with ThreadPoolExecutor(BESIDE) as pool:
        looks = pool.map(look, range(BESIDE))
        time.sleep(1)
        beside = _speed(_together(address, BESIDE))
        over.set()
        list(looks)
    return beside, alone


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
