"""Measures StriveLM beside a peer, in one run and interleaved, so that a noisy machine disturbs both alike.

    python scripts/benchmark.py generate          # one stream of text, beside transformers' cached generate
    python scripts/benchmark.py generate --out generate.json

Needs transformers (tests/requirements.txt). What counts is the ratio; the speeds are this machine's, at this moment.
"""

import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import tyro

from strivelm import GPT


@dataclass(frozen=True)
class Generate:
    """One stream of text on one thread, sampled with top-k 40: ours beside transformers' cached generate.

    Transformers can't go past a model's context. There, our speed is set against its speed inside it, and ours holds
    what it costs to read half of the context afresh whenever it is full.
    """

    rounds: int = 7
    """How often each is measured, taking turns; the ratio is the median over the rounds."""
    out: Path | None = None
    """Where to write the figures as JSON."""


SIZES = {"4 layers, 4 heads, 128 wide": (4, 4, 128), "6 layers, 6 heads, 384 wide": (6, 6, 384)}
CONTEXT = 256


def seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def generate(flags: Generate) -> list[dict]:
    """A row for each size: characters per second of both, and the ratios inside and past the context."""
    from transformers import AutoModelForCausalLM  # a peer to measure, not something the package needs

    torch.set_num_threads(1)
    rows = []
    for name, (n_layer, n_head, n_embd) in SIZES.items():
        torch.manual_seed(0)
        chars = "".join(map(chr, range(32, 97)))
        ours = GPT(vocab_size=65, block_size=CONTEXT, n_layer=n_layer, n_head=n_head, n_embd=n_embd, chars=chars).eval()
        with tempfile.TemporaryDirectory() as folder:
            ours.save_pretrained(folder)
            theirs = AutoModelForCausalLM.from_pretrained(folder)
        start, inside, past = torch.tensor([[1]]), CONTEXT - 1, 4 * CONTEXT
        work = {
            "transformers": lambda peer=theirs, start=start, n=inside: peer.generate(
                start, attention_mask=torch.ones_like(start), max_new_tokens=n, do_sample=True, top_k=40
            ),
            "inside": lambda model=ours, n=inside: model.generate([1], n, top_k=40),
            "past": lambda model=ours, n=past: model.generate([1], n, top_k=40),
        }
        lengths = {"transformers": inside, "inside": inside, "past": past}
        for once in work.values():
            once()
        speeds = [{key: lengths[key] / seconds(once) for key, once in work.items()} for _ in range(flags.rounds)]
        rows.append(
            {"sizes": f"{name}, context {CONTEXT}", "parameters": ours.num_parameters()}
            | {f"{key}_characters_per_second": statistics.median(s[key] for s in speeds) for key in work}
            | {
                f"ratio_{key}": statistics.median(s[key] / s["transformers"] for s in speeds)
                for key in ("inside", "past")
            }
        )
    return rows


def generate_command(flags: tyro.conf.OmitArgPrefixes[Generate]) -> tuple[list[dict], Generate]:
    """One stream of text, beside transformers' cached generate."""
    return generate(flags), flags


def main() -> None:
    rows, flags = tyro.extras.subcommand_cli_from_dict({"generate": generate_command}, description=__doc__)
    machine = {"threads": torch.get_num_threads(), "torch": torch.__version__, "machine": platform.machine()}
    for row in rows:
        print(
            f"{row['sizes']}: transformers {row['transformers_characters_per_second']:,.0f} characters/s, "
            f"ours {row['inside_characters_per_second']:,.0f} inside the context ({row['ratio_inside']:.1f}x), "
            f"{row['past_characters_per_second']:,.0f} past it ({row['ratio_past']:.1f}x)"
        )
    if flags.out:
        flags.out.write_text(json.dumps({"benchmark": "generate", "machine": machine, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
