"""The bundled model in a browser: as WebAssembly and in plain JavaScript, beside the server and transformers.js.

Each round opens a fresh Chromium, which fetches everything from a plain file server on loopback and writes a text; then
the same again with what the browser has kept (warm). Times begin when a page that is there decides to write. One thread
each, greedy. transformers.js (version 3, onnxruntime-web) reads what `strivelm export --to onnx` writes. It is
installed by npm for this comparison alone, without running its scripts, or taken from the folder that
STRIVELM_TRANSFORMERS_JS names; where neither can be done it is left out. Needs Playwright and a Chromium.
"""

import contextlib
import functools
import gzip
import http.server
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import app
from strivelm.export import export_onnx, read_source
from strivelm.loading import BUNDLED
from strivelm.ui.tabs.generate.in_browser import LIMITS
from strivelm.web import script

COUNT = 200
"""How many characters are written; with the prompt they fit into the context."""
PACKAGE = "@huggingface/transformers@3"
# Each opens the model and leaves `write`, which calls `came` with each character; it gives the text.
OURS = """async ({ plain }) => {
  const address = (name) => new URL(`/bundled/${name}`, location.href).href;
  const worker = new Worker("/worker.js", { name: plain ? "plain" : "" });
  const said = (message, part) => new Promise((kept, broken) => {
    worker.onmessage = ({ data }) => {
      if (data.part) return part(data.part);
      data.error ? broken(new Error(data.error)) : kept(data.answer);
    };
    worker.postMessage({ id: 1, ...message });
  });
  const files = { config: address("config.json"), weights: address("model.safetensors") };
  await said({ do: "open", ref: "bundled", files, about: { name: "bundled", load: "", loss: null } });
  window.write = async (count, came) => {
    let text = "";
    const given = { prompt: "\\n", count, temperature: 0, top_k: 0, top_p: 1, seed: 1 };
    await said({ do: "ask", ref: "bundled", name: "generate.write", given }, ({ characters }) => {
      if (characters?.length) came();
      text += (characters ?? []).map(([char]) => char).join("");
    });
    return text;
  };
}"""
THEIRS = """async () => {
  const { env, pipeline, TextStreamer } = await import("/transformers/transformers.min.js");
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: "/onnx/" });
  Object.assign(env.backends.onnx.wasm, { wasmPaths: "/transformers/", numThreads: 1 });
  const made = await pipeline("text-generation", "bundled", { dtype: "fp32", device: "wasm" });
  window.write = async (count, came) => {
    const how = { skip_prompt: true, callback_function: () => {}, token_callback_function: came };
    const streamer = new TextStreamer(made.tokenizer, how);
    const settings = { max_new_tokens: count, do_sample: false, streamer, return_full_text: false };
    return (await made("\\n", settings))[0].generated_text;
  };
}"""
OPENED = """async (given) => {
  const began = performance.now();
  await (%s)(given);
  return (performance.now() - began) / 1000;
}"""
WRITTEN = """async (count) => {
  const began = performance.now();
  let first = 0;
  const text = await window.write(count, () => (first ||= performance.now()));
  return { first: (first - began) / 1000, seconds: (performance.now() - began) / 1000, text };
}"""


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Plain files, which a browser may keep; what a request is answered with is counted."""

    sent = 0

    def guess_type(self, path):
        known = {".wasm": "application/wasm", ".mjs": "text/javascript"}
        return known.get(Path(path).suffix) or super().guess_type(path)

    def end_headers(self):
        self.send_header("Cache-Control", "public, max-age=3600, immutable")
        super().end_headers()

    def copyfile(self, source, outputfile):
        type(self).sent += os.fstat(source.fileno()).st_size
        super().copyfile(source, outputfile)

    def log_message(self, *said):
        """Says nothing."""


@contextmanager
def _files(folder: Path) -> Iterator[str]:
    """The address of a plain file server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def _transformers_js(folder: Path) -> Path | None:
    """The folder of transformers.js' files for browsers; None where it can't be had."""
    known = os.environ.get("STRIVELM_TRANSFORMERS_JS")
    if not known:
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE]
        done = shutil.which("npm") and subprocess.run(command, capture_output=True, text=True, timeout=600)
        if not done or done.returncode:
            return None
        known = str(folder / "node_modules" / "@huggingface" / "transformers")
    found = Path(known) / "dist"
    return found if (found / "transformers.min.js").is_file() else None


def measure(rounds: int) -> Iterator[dict]:
    """A row for each way to write, and one that compares them."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "served"
        (folder / "bundled").mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            shutil.copy(BUNDLED / name, folder / "bundled")
        worker = script.worker(LIMITS).encode()
        (folder / "worker.js").write_bytes(worker)
        (folder / "index.html").write_text("<!doctype html><title>.</title>")
        ways = {"WebAssembly": (OURS, {"plain": False}), "plain JavaScript": (OURS, {"plain": True})}
        if dist := _transformers_js(Path(made) / "npm"):
            shutil.copytree(dist, folder / "transformers")
            export_onnx(read_source(BUNDLED), folder / "onnx" / "bundled")
            ways["transformers.js"] = (THEIRS, {})
        else:
            yield {"line": f"{PACKAGE} can't be installed here: its column is left out"}
        with _files(folder) as address, app._served() as (page, _, _):
            found = {way: [] for way in (*ways, "the server")}
            for _ in range(rounds):
                for way, (code, given) in ways.items():
                    found[way].append(_visited(address, code, given))
                (visit,) = app._together(page, 1)
                one = {"speed": visit.characters / visit.seconds, "bytes": visit.bytes, "cpu_speed": 0.0}
                found["the server"].append(one | {"cold": visit.first, "warm": visit.first})
    texts = {way: rows[0]["text"] for way, rows in found.items() if "text" in rows[0]}
    packed = len(worker) - len(gzip.compress(worker))  # the page packs it, and this file server does not
    for way, rows in found.items():
        yield _row(way, rows, packed if ways.get(way, ("",))[0] == OURS else 0)
    if "transformers.js" in found:
        pairs = list(zip(found["WebAssembly"], found["transformers.js"], strict=True))
        times, of_cpu = (
            statistics.median(ours[name] / theirs[name] for ours, theirs in pairs) for name in ("speed", "cpu_speed")
        )
        same = texts["WebAssembly"].strip() == texts["transformers.js"].strip()
        yield {
            "times_transformers_js": times,
            "times_transformers_js_by_cpu_time": of_cpu,
            "same_text": same,
            "line": f"WebAssembly writes {times:.1f}x as fast as transformers.js, {of_cpu:.1f}x for the same CPU time; "
            "their texts are " + ("the same" if same else "different"),
        }


def _row(way: str, rows: list[dict], packed: int) -> dict:
    median = {
        name: statistics.median(row[name] for row in rows) for name in ("speed", "cpu_speed", "cold", "warm", "bytes")
    }
    busy = f" ({median['cpu_speed']:,.0f} for a second of CPU)" if median["cpu_speed"] else ""
    return {"way": way, **median} | {
        "line": f"{way}: {median['speed']:,.0f} characters/s{busy}; the first one after {median['cold']:.2f} s, "
        f"{median['warm']:.2f} s when warm; {(median['bytes'] - packed) / 1e6:.2f} MB"
    }


def _visited(address: str, code: str, given: dict) -> dict:
    """What a fresh browser meets, and when it comes again."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise RuntimeError("no Chromium was found; install one (Debian: apt-get install chromium)")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        page, found, _Handler.sent = context.pages[0], {}, 0
        for when in ("cold", "warm"):
            page.goto(address)
            opened = page.evaluate(OPENED % code, given)
            before = _cpu_seconds(profile)
            written = page.evaluate(WRITTEN, COUNT)
            found["cpu_speed"] = COUNT / max(_cpu_seconds(profile) - before, 0.01)
            found |= {"speed": COUNT / written["seconds"], "text": written["text"], when: opened + written["first"]}
            found.setdefault("bytes", _Handler.sent)
        context.close()
    return found


def _cpu_seconds(profile: str) -> float:
    """Seconds of CPU that a browser with this profile has taken: its first process, and all that descend from it."""
    spent, parents, first = {}, {}, []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
            parents[process.name], spent[process.name] = fields[1], int(fields[11]) + int(fields[12])
            if profile.encode() in (process / "cmdline").read_bytes():
                first.append(process.name)

    def is_ours(process: str) -> bool:
        return process in first or (process in parents and is_ours(parents[process]))

    return sum(ticks for process, ticks in spent.items() if is_ours(process)) / os.sysconf("SC_CLK_TCK")
