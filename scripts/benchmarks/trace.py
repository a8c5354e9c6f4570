"""What looking inside costs beside a plain forward pass over the same text: a full trace, a trace that keeps only the
attention, the logit lens, and the map of what each head and MLP is worth (as many ablations as there are of them).
"""

from collections.abc import Iterator

import torch

from benchmarks.peers import milliseconds, ratio, taking_turns
from strivelm import load_model
from strivelm.inspection import ablation_map, logit_lens, trace

LENGTHS = (64, 128, 256)


def measure(rounds: int) -> Iterator[dict]:
    """A row for each length: milliseconds of each, and how many forward passes that is."""
    model = load_model("bundled")
    parts = model.config.n_layer * (model.config.n_head + 1)
    for length in LENGTHS:
        ids = torch.randint(model.vocab_size, (length + 1,), generator=torch.Generator().manual_seed(0))
        work = {
            "forward": torch.no_grad()(lambda ids=ids: model(ids[None, :-1])),
            "trace": lambda ids=ids: trace(model, ids[:-1]),
            "attention": lambda ids=ids: trace(model, ids[:-1], keep={"attention"}),
            "lens": lambda ids=ids: logit_lens(model, ids[:-1]),
            "map": lambda ids=ids: [*ablation_map(model, ids)],
        }
        turns = taking_turns(work, rounds)
        row = {"characters": length, "parts": parts}
        for name in work:
            row[f"{name}_ms"] = milliseconds(turns, name)
            row[f"{name}_passes"] = 1 / ratio(turns, name, "forward")
        yield row | {
            "line": f"{length} characters: forward {row['forward_ms']:.1f} ms; full trace {row['trace_passes']:.1f} "
            f"times that, attention only {row['attention_passes']:.1f}, logit lens {row['lens_passes']:.1f}, map of "
            f"{parts} ablations {row['map_passes']:.1f}"
        }
