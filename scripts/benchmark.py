"""Measures StriveLM beside a peer, in one run and taking turns, so that a noisy machine disturbs both alike.

    python scripts/benchmark.py generate   # one stream of text, beside torch's decoder and transformers' generate
    python scripts/benchmark.py train      # a training step, beside the same model in transformers
    python scripts/benchmark.py nanogpt    # to nanoGPT's loss on a CPU, beside its recipe; some minutes
    python scripts/benchmark.py trace      # looking inside, beside a plain forward pass
    python scripts/benchmark.py views      # from press to painted, beside matplotlib and plotly; needs Chromium
    python scripts/benchmark.py app        # the page for 1 to 64 visitors, beside torch for each; needs a Chromium
    python scripts/benchmark.py browser    # in a browser, beside the server and transformers.js; needs a Chromium
    python scripts/benchmark.py soak       # 16 visitors ask everything of twelve models: what fails, what is kept

Needs transformers (tests/requirements.txt). What counts is the ratio; the speeds are this machine's, at this moment.
"""

import json
import platform
from dataclasses import dataclass
from pathlib import Path

import checkout  # noqa: F401  (finds the package beside this folder)

from strivelm.cli import console  # isort: skip  (before torch)
import torch
import tyro
from benchmarks import app, browser, generate, nanogpt, soak, trace, train, views

MEASURED = {
    "app": app.measure,
    "browser": browser.measure,
    "generate": generate.measure,
    "train": train.measure,
    "nanogpt": nanogpt.measure,
    "trace": trace.measure,
    "views": views.measure,
    "soak": soak.measure,
}


@dataclass(frozen=True)
class Flags:
    """What to measure, and how."""

    what: tyro.conf.Positional[str]
    """app, browser, generate, train, nanogpt, trace, views or soak."""
    rounds: int = 7
    """How often each is measured, taking turns; a ratio is the median over the rounds."""
    minutes: float = 10.0
    """How long soak asks."""
    threads: int = 1
    """CPU threads, the same for all."""
    out: Path | None = None
    """Where to write the figures as JSON."""

    def __post_init__(self):
        if self.what not in MEASURED:
            raise ValueError(f"there is no benchmark called {self.what!r}; expected one of {', '.join(MEASURED)}")
        for name in ("rounds", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a whole number, at least 1")
        if not 0.1 <= self.minutes <= 1440:
            raise ValueError(f"minutes is {self.minutes}; expected a number from 0.1 to 1440")


def main() -> None:
    """Measures, prints a sentence for each row, and writes the rows as JSON where asked to."""
    flags = tyro.cli(Flags, description=__doc__)
    torch.set_num_threads(flags.threads)
    rows = []
    for row in MEASURED[flags.what](flags.minutes if flags.what == "soak" else flags.rounds):
        print(row.pop("line"), flush=True)
        rows.append(row)
    if flags.out:
        machine = {"threads": flags.threads, "torch": torch.__version__, "machine": platform.machine()}
        found = {"benchmark": flags.what, "rounds": flags.rounds, "machine": machine, "rows": rows}
        flags.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    console.guarded(main)
