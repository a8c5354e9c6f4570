"""Runs the lines of "With other tools", each tool in an environment of its own, and writes the page's table.

    python scripts/ecosystem.py                     all tools, one after the other
    python scripts/ecosystem.py peft onnxruntime    these, beside what the table holds of others
    python scripts/ecosystem.py --install "uv pip install --python {python}"

It is not part of CI: it installs gigabytes. A tool is a section of strivelm/docs/with_other_tools.md with one block of
lines, the first of which says what is installed. They find the bundled model as runs/mine, what `strivelm export` makes
of it beside it, and leave one or more of these, which are compared with what StriveLM itself computes:

    logits     of "To be, or not to be", (…, T, V)
    text       "To be, or not to be" and 200 characters after it, the likeliest each time
    loss       the mean loss of "To be, or not to be" in nats, of all characters but the first
    attention  the weights of layer 0 on the same text, (…, H, T, T)
    folder     a model folder that GPT.from_pretrained opens, and `expected`, the logits that it has to give
"""

import argparse
import datetime
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import checkout
import numpy as np

PAGE = Path(checkout.__file__).resolve().parents[1] / "strivelm" / "docs" / "with_other_tools.md"
TEXT, WRITTEN = "To be, or not to be", 200
BEGIN, END = "<!-- table: scripts/ecosystem.py -->", "<!-- end of table -->"
NOT_RUN = "not run"
HEAD = ["| tool | versions | result | run on |", "|---|---|---|---|"]
SECTION = re.compile(r"^## (?P<tool>\S+)\n(?P<prose>.*?)^```(?P<language>\w+)\n(?P<lines>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Tool:
    """A section of the page."""

    name: str
    language: str
    """python or js."""
    packages: tuple[str, ...]
    """What is installed, with versions."""
    lines: str


def tools() -> dict[str, Tool]:
    """The page's tools, by name."""
    found = {}
    for section in SECTION.finditer(PAGE.read_text("utf-8")):
        install, lines = section["lines"].split("\n", 1)
        words = re.fullmatch(r"(?:#|//) (?:pip|npm) install (.+)", install)
        if words is None:
            raise ValueError(f"the lines of {section['tool']} begin with {install!r}; expected what is installed")
        found[section["tool"]] = Tool(section["tool"], section["language"], tuple(words[1].split()), lines)
    return found


# -- what they are compared with -------------------------------------------------------------------------------------


def prepare(folder: Path) -> None:
    """Lays the bundled model, all its exports and what StriveLM computes into a folder."""
    import torch

    from strivelm import inspection, load_model
    from strivelm.export import export_folder, export_gguf, export_onnx, read_source
    from strivelm.loading import BUNDLED

    torch.set_num_threads(1)
    model, runs = load_model("bundled"), folder / "runs"
    shutil.copytree(BUNDLED, runs / "mine")
    export_folder(read_source(BUNDLED, end_token=True), runs / "mine-end")
    export_onnx(read_source(BUNDLED), runs / "mine-onnx")
    export_gguf(read_source(BUNDLED, end_token=True), runs / "mine.gguf")
    seen = inspection.trace(model, TEXT, keep={"logits", "attention"})
    ids = torch.tensor(model.tokenizer.encode(TEXT))
    loss = torch.nn.functional.cross_entropy(seen.logits[:-1], ids[1:])
    np.savez(folder / "ours.npz", logits=seen.logits.numpy(), attention=seen.attention[0].numpy(), loss=loss.numpy())
    (folder / "ours.txt").write_text(model.generate(TEXT, WRITTEN, temperature=0), "utf-8")


SHOW = """
import json as _json, os as _os
import numpy as _np
_found = {}
for _name in ("logits", "attention", "loss", "expected"):
    if _name in globals():
        _value = globals()[_name]
        _value = _value.detach().float().cpu().numpy() if hasattr(_value, "detach") else _value
        _found[_name] = _np.asarray(_value, dtype=_np.float32)
_np.savez("found.npz", **_found)
_rest = {_name: str(globals()[_name]) for _name in ("text", "folder", "result") if _name in globals()}
open("found.json", "w").write(_json.dumps(_rest))
"""
"""What follows a tool's lines in Python: it saves what they leave."""
SHOW_JS = """
import { writeFileSync as _write } from "node:fs";
_write("found.json", JSON.stringify({ text: typeof text === "undefined" ? null : text }));
"""


def compare(folder: Path) -> list[str]:
    """What a tool's lines left, against StriveLM's own, in words. Raises AssertionError where it is something else."""
    ours, words = np.load(folder / "ours.npz"), []
    found = dict(np.load(folder / "found.npz")) if (folder / "found.npz").exists() else {}
    rest = json.loads((folder / "found.json").read_text("utf-8"))
    for name in ("logits", "attention", "loss"):
        if name in found:
            words.append(f"{name} {_distance(found[name], ours[name])}")
    if rest.get("text") is not None:
        expected = (folder / "ours.txt").read_text("utf-8")
        same = next((i for i, (a, b) in enumerate(zip(rest["text"], expected, strict=False)) if a != b), None)
        same = min(len(rest["text"]), len(expected)) if same is None else same
        assert same > len(TEXT), f"another text: {rest['text'][:80]!r}"
        ends = ", where it ends" if same == len(rest["text"]) < len(expected) else ""
        words.append(f"{same - len(TEXT)} of {WRITTEN} characters equal{ends}")
    if "folder" in rest:
        import torch

        from strivelm import GPT

        model = GPT.from_pretrained(folder / rest["folder"])
        with torch.no_grad():
            logits = model(torch.tensor([model.tokenizer.encode(TEXT)]))[0]
        words.append(f"reopened here, logits {_distance(logits.numpy(), found['expected'])}")
    if rest.get("result"):
        words.append(rest["result"])
    assert words, "the lines left nothing to compare"
    return words


def _distance(found: np.ndarray, expected: np.ndarray) -> str:
    """How far numbers are from others, in words. Axes of length one in front, and an end token's column, are cut."""
    while found.ndim > expected.ndim and len(found) == 1:
        found = found[0]
    while expected.ndim > found.ndim and len(expected) == 1:
        expected = expected[0]
    if expected.ndim:
        found = found[..., : expected.shape[-1]]
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    largest = float(np.abs(found - expected).max())
    assert largest < 0.5, f"differ by {largest:.2g}"
    return "equal to the bit" if largest == 0 else f"equal to {largest:.0e}"


# -- running ---------------------------------------------------------------------------------------------------------


def run(tool: Tool, prepared: Path, install: str, limit: float) -> str:
    """Runs a tool's lines in an environment of its own; what came of it, in words."""
    with tempfile.TemporaryDirectory(prefix=f"{tool.name}-") as place:
        folder = Path(place)
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        if tool.language == "python":
            python = folder / "environment" / "bin" / "python"
            subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=True)
            words = shlex.split(install.format(python=python))
            done = subprocess.run([*words, *tool.packages, "numpy"], cwd=folder, capture_output=True, text=True)
            (folder / "lines.py").write_text(tool.lines + SHOW, "utf-8")
            command = [str(python), "lines.py"]
        else:
            # onnxruntime-node's own script would fetch a build for GPUs; the one for CPUs is in the package.
            done = subprocess.run(
                ["npm", "install", "--ignore-scripts", *tool.packages], cwd=folder, capture_output=True, text=True
            )
            (folder / "lines.mjs").write_text(tool.lines + SHOW_JS, "utf-8")
            command = ["node", "lines.mjs"]
        if done.returncode:
            return f"{NOT_RUN}: not installed: {_last(done.stderr)}"
        try:
            alone = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=limit, env=alone)
        except subprocess.TimeoutExpired:
            return f"{NOT_RUN}: no answer within {limit:.0f} s"
        if done.returncode:
            print(done.stderr[-3000:], file=sys.stderr)
            return f"**failed**: {_last(done.stderr)}"
        try:
            return "; ".join(compare(folder))
        except (AssertionError, ValueError) as error:
            return f"**failed**: {str(error)[:200]}"


def _last(text: str) -> str:
    """The last line of an output that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[-1] if lines else "no word")[:160].replace("|", "\\|")


def written(rows: dict[str, str], known: dict[str, Tool]) -> None:
    """Puts the rows into the page's table; those of other tools that it holds stay, in the order of the page."""
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    table, after = rest.split(END)
    kept = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("|")}
    ordered = [line for name in known if (line := rows.get(name) or kept.get(name))]
    PAGE.write_text("\n".join([before + BEGIN, "", *HEAD, *ordered, "", END]) + after, "utf-8")


def main() -> None:
    """Reads the arguments and runs."""
    known = tools()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tools", nargs="*", help=f"of {', '.join(known)}; all if none is named")
    parser.add_argument("--install", default="{python} -m pip install --quiet", help="the command that installs")
    parser.add_argument("--limit", type=float, default=900, help="seconds that a tool's lines may take")
    flags = parser.parse_args()
    if unknown := set(flags.tools) - known.keys():
        parser.error(f"the page has no {', '.join(sorted(unknown))}; it has {', '.join(known)}")
    with tempfile.TemporaryDirectory(prefix="prepared-") as place:
        prepare(Path(place))
        for name in flags.tools or known:
            began = time.monotonic()
            result = run(known[name], Path(place), flags.install, flags.limit)
            if result.startswith(NOT_RUN):  # which says nothing of the tool
                print(f"{name}: {result}", file=sys.stderr)
                continue
            versions = ", ".join(package.replace("==", " ") for package in known[name].packages)
            written({name: f"| {name} | {versions} | {result} | {datetime.date.today()} |"}, known)
            print(f"{name}: {result} ({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
