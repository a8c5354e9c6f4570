"""Sixteen visitors who ask everything of twelve models for minutes: what the page answers, and what it keeps of it.

`python app.py` serves the page; strangers' models come from the tests' loopback Hub, among them the largest that a
public page opens: of 1,024 heads, of 28 layers, of a context of 65,536, of 30,000 characters. Every tenth visitor
leaves before the answer. What is refused in a sentence is counted apart from failures.
"""

import itertools
import json
import os
import random
import re
import statistics
import string
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import socket
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import torch

ROOT = Path(__file__).resolve().parents[2]
VISITORS = 16
LEAVES = 0.1
"""The share of questions whose visitor leaves before the answer."""
WINDOW = 30.0
"""Seconds over which memory is averaged."""
LETTERS = string.ascii_letters + " .,:;!?'\n-"
MANY = LETTERS + "".join(map(chr, [*range(0x4E00, 0x9FA0), *range(0xAC00, 0xD7A0)]))
SIZES = {
    "heads": {"block_size": 1_000, "n_layer": 3, "n_head": 1_024, "n_embd": 1_024},
    "layers": {"block_size": 1_024, "n_layer": 28, "n_head": 8, "n_embd": 256},
    "context": {"block_size": 65_536, "n_layer": 2, "n_head": 2, "n_embd": 64},
    "characters": {"block_size": 256, "n_layer": 2, "n_head": 4, "n_embd": 768, "vocab_size": 30_000},
    "one": {"block_size": 1, "n_layer": 1, "n_head": 1, "n_embd": 4},
    "usual": {"block_size": 256, "n_layer": 6, "n_head": 6, "n_embd": 192},
}
"""The strangers' models, of random weights; two more are branches of these, and one is not there."""
REFS = (
    "bundled",
    "film",
    "film@step-3",
    *(f"stranger/{name}" for name in SIZES),
    "stranger/usual@other",
    "stranger/layers@other",
    "stranger/nothing",
)


def measure(minutes: float) -> Iterator[dict]:
    """A row for what was answered, one for memory, and one for what is left over."""
    with _hub() as url, tempfile.TemporaryDirectory() as folder, _served(url, Path(folder)) as page:
        samples, visits = _asked(page, 60 * minutes)
        page.wait_until_idle()
        after, log = page.held(), page.log.read_text(errors="replace")
    outcomes = Counter(kind for kind, _ in visits.found)
    failures = [words for kind, words in visits.found if kind == "failed"]
    late = re.findall(r"s over its limit", log)
    tracebacks, first = log.count("Traceback"), f" ({failures[0]:.100})" if failures else ""
    yield {
        "minutes": minutes,
        "outcomes": dict(outcomes),
        "tracebacks": tracebacks,
        "over_the_limit": len(late),
        "failures": failures[:20],
        "line": f"{sum(outcomes.values()):,} questions: {outcomes['answered']:,} answered, {outcomes['refused']:,} "
        f"refused in a sentence, {outcomes['busy']:,} told to come later, {outcomes['left']:,} left, "
        f"{outcomes['failed']:,} failed{first}; {tracebacks} tracebacks, {len(late)} answers more than a second over "
        "their limit",
    }
    begun = 120.0 if minutes >= 3 else 20 * minutes
    first = statistics.mean(held["mb"] for at, held in samples if begun <= at < begun + WINDOW)
    last = statistics.mean(held["mb"] for at, held in samples if at >= samples[-1][0] - WINDOW)
    most = max(held["mb"] for _, held in samples)
    yield {
        "first_mb": first,
        "last_mb": last,
        "most_mb": most,
        "growth": last / first - 1,
        "line": f"memory: {first:,.0f} MB after {begun:.0f} s, {last:,.0f} MB at the end ({last / first - 1:+.1%}), "
        f"{most:,.0f} MB at most",
    }
    before = visits.before
    yield {
        "before": before,
        "after": after,
        "line": "; ".join(
            f"{name}: {before[name]:,} before, {after[name]:,} after" for name in ("threads", "files", "temporary")
        ),
    }


class Page:
    """A running page."""

    def __init__(self, address: str, process: subprocess.Popen, log: Path, temporary: Path):
        self.address, self.process, self.log, self.temporary = address, process, log, temporary
        found = json.load(urlopen(f"{address}config", timeout=120))["dependencies"]
        self.numbers = {one["api_name"]: one["id"] for one in found if one["api_name"] in ("looking", "writing")}

    def held(self) -> dict:
        """Memory in MB, threads, open files, and temporary files."""
        at = Path(f"/proc/{self.process.pid}")
        memory = int(re.search(r"VmRSS:\s+(\d+)", (at / "status").read_text())[1]) / 1024
        return {
            "mb": memory,
            "threads": len(list((at / "task").iterdir())),
            "files": len(list((at / "fd").iterdir())),
            "temporary": sum(1 for _ in self.temporary.rglob("*")),
        }

    def wait_until_idle(self) -> None:
        """Waits until connections are closed and idle threads have ended: Gradio's pool keeps them for some seconds."""
        time.sleep(20)

    def ask(self, lane: str, name: str, ref: str | None, arguments: dict, leaves: float | None) -> tuple[str, str]:
        """How a question ended, and words on that."""
        session = uuid.uuid4().hex
        question = {"name": name, "of": [ref] if ref else [], "arguments": arguments}
        body = {"fn_index": self.numbers[lane], "data": [question], "session_hash": session}
        posted = Request(f"{self.address}gradio_api/queue/join", json.dumps(body).encode())
        posted.add_header("Content-Type", "application/json")
        try:
            urlopen(posted, timeout=60).close()
        except HTTPError as error:
            return ("busy" if error.code == 503 else "failed"), f"{name} of {ref}: HTTP {error.code}"
        begun, error = time.monotonic(), ""
        with urlopen(
            f"{self.address}gradio_api/queue/data?{urlencode({'session_hash': session})}", timeout=300
        ) as answer:
            for line in answer:
                if leaves is not None and time.monotonic() - begun > leaves:
                    return "left", ""
                if not line.startswith(b"data: "):
                    continue
                message = json.loads(line[6:], parse_constant=lambda word: _no_json(word))
                for piece in (message.get("output") or {}).get("data") or ():
                    if isinstance(piece, dict) and piece.get("error"):
                        error = piece["error"]
                if message["msg"] == "process_completed":
                    if not message["success"]:
                        return "failed", f"{name} of {ref}: {str(message['output'])[:200]}"
                    return ("refused", f"{name} of {ref}: {error}") if error else ("answered", "")
        return "failed", f"{name} of {ref}: the stream ended"


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


class Visits:
    """What the visitors ask, and what became of it."""

    def __init__(self, page: Page, until: float):
        from strivelm.ui import app  # noqa: F401  (declares all questions)
        from strivelm.ui.core.questions import QUESTIONS

        self.page, self.until, self.found, self.before = page, until, [], page.held()
        self.questions = [one for one in QUESTIONS.values() if one.models < 2]

    def go(self, number: int) -> None:
        """One visitor asks until the time is over."""
        chance = random.Random(number)
        while time.monotonic() < self.until:
            question, ref = chance.choice(self.questions), chance.choice(REFS)
            leaves = chance.uniform(0, 2) if chance.random() < LEAVES else None
            arguments = {
                one.name: value
                for one in question.arguments
                if (value := _given(question.name, one.name, chance)) is not None
            }
            try:
                outcome = self.page.ask(
                    question.lane, question.name, ref if question.models else None, arguments, leaves
                )
            except Exception as error:
                outcome = "failed", f"{question.name} of {ref}: {type(error).__name__}: {error}"
            self.found.append(outcome)
            with suppress(OSError):
                urlopen(self.page.address, timeout=60).read()


def _given(question: str, name: str, chance: random.Random) -> object:
    """What a visitor gives as an argument; None leaves it out."""
    length = chance.choice((1, 40, 200, 1_000, 2_000))
    steps = ("1", "2", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "4", "5", "6", "7", "8")
    if name == "view":
        return (
            chance.choice(("map", "lesson", "attention"))
            if question == "view.file"
            else chance.choice(("curves", "youth"))
        )
    return {
        "text": "" if question == "generate.write" else "".join(chance.choices(LETTERS, k=length)),
        "prompt": "".join(chance.choices(LETTERS, k=length)),
        "count": chance.choice((20, 200, 1_000)) if question.startswith("generate") else 100,
        "max_new_tokens": 100,
        "temperature": 0.8,
        "top_k": 40,
        "top_p": 1.0,
        "seed": chance.randrange(1_000),
        "layer": 0,
        "head": 0,
        "query": 0,
        "char": "e",
        "map": chance.choice(("0.0", "mean0", "rollout")),
        "parts": chance.choice(("", "0.0", "0.m")),
        "how": chance.choice(("zero", "mean")),
        "off": "0.0",
        "heads": "0.0",
        "step": chance.choice(steps),
        "chosen": ["Balanced", "Creative"],
        "a": [1.0, 0, 1.0],
        "b": [1.0, 0, 0.9],
    }.get(name)


def _asked(page: Page, seconds: float) -> tuple[list[tuple[float, dict]], Visits]:
    """What the page held each second while all visitors asked, and their visits."""
    begun = time.monotonic()
    visits = Visits(page, begun + seconds)
    visitors = [threading.Thread(target=visits.go, args=(number,), daemon=True) for number in range(VISITORS)]
    for visitor in visitors:
        visitor.start()
    samples = []
    while any(visitor.is_alive() for visitor in visitors) and time.monotonic() < visits.until + 180:
        if time.monotonic() < visits.until:
            samples.append((time.monotonic() - begun, page.held()))
        time.sleep(1)
    visits.found += [("failed", "a visitor still waits")] * sum(visitor.is_alive() for visitor in visitors)
    return samples, visits


@contextmanager
def _hub() -> Iterator[str]:
    """The address of a loopback Hub that holds the strangers' models."""
    sys.path.insert(0, str(ROOT / "tests"))
    from hub.server import LoopbackHub
    from hub.store import File, Person

    from strivelm import GPT

    with LoopbackHub() as hub, tempfile.TemporaryDirectory() as folder:
        for (name, sizes), seed in zip(SIZES.items(), itertools.count()):
            repo = hub.store.create("models", f"stranger/{name}", Person("stranger"))
            for branch in ("main", "other") if name in ("usual", "layers") else ("main",):
                torch.manual_seed(2 * seed + (branch == "other"))
                known = MANY[: sizes.get("vocab_size", len(LETTERS))]
                GPT(**{"vocab_size": len(known)} | sizes, chars=known).save_pretrained(folder)
                files = {path.name: path for path in Path(folder).iterdir()}
                repo.branches.setdefault(branch, repo.branches["main"])
                kept = {name: File.of(path.read_bytes(), path.suffix == ".safetensors") for name, path in files.items()}
                repo.commit(branch, kept, "put there")
        yield hub.url


@contextmanager
def _served(url: str, folder: Path) -> Iterator[Page]:
    """A page of its own, which knows that Hub."""
    with socket() as at:
        at.bind(("127.0.0.1", 0))
        port = at.getsockname()[1]
    log, temporary = folder / "page.log", folder / "tmp"
    temporary.mkdir()
    given = {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "HF_ENDPOINT": url,
        "HF_HOME": str(folder / "hf"),
        "STRIVELM_CACHE": str(folder / "cache"),
        "TMPDIR": str(temporary),
        "no_proxy": "*",
    }
    gone = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE")
    variables = {name: value for name, value in os.environ.items() if name not in gone} | given
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, str(ROOT / "app.py")], env=variables, stdout=file, stderr=file)
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(600):
            with suppress(OSError):
                urlopen(address, timeout=30).close()
                break
            if process.poll() is not None:
                raise RuntimeError(f"app.py ended before it answered: {log.read_text()[-500:]}")
            time.sleep(0.5)
        yield Page(address, process, log, temporary)
    finally:
        process.terminate()
        process.wait(30)
