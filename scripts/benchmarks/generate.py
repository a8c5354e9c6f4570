"""One stream of text, sampled with top-k 40: ours beside transformers' cached generate.

Transformers can't go past a model's context. There, our speed is set against its speed inside it, and ours holds what
it costs to read half of the context afresh whenever it is full.
"""

from collections.abc import Callable, Iterator

import torch

from benchmarks.peers import ours, ratio, speed, taking_turns, theirs
from strivelm import GPT

SIZES = [(4, 4, 128), (6, 6, 384)]  # layers, heads, width
CONTEXT = 256
LENGTHS = {"transformers": CONTEXT - 1, "inside": CONTEXT - 1, "past": 4 * CONTEXT}


def measure(rounds: int) -> Iterator[dict]:
    """A row for each size: characters per second of both, and the ratios inside and past the context."""
    for layers, heads, width in SIZES:
        model = ours(layers, heads, width, CONTEXT).eval()
        turns = taking_turns(works(model), rounds)
        sizes = f"{layers} layers, {heads} heads, {width} wide, context {CONTEXT}"
        row = {"sizes": sizes, "parameters": model.num_parameters()}
        for name, length in LENGTHS.items():
            row[f"{name}_characters_per_second"] = speed(turns, name, length)
        for name in ("inside", "past"):
            row[f"ratio_{name}"] = ratio(turns, name, "transformers", LENGTHS[name] / LENGTHS["transformers"])
        yield row | {
            "line": f"{sizes}: transformers {row['transformers_characters_per_second']:,.0f} characters/s, "
            f"ours {row['inside_characters_per_second']:,.0f} inside the context ({row['ratio_inside']:.1f}x), "
            f"{row['past_characters_per_second']:,.0f} past it ({row['ratio_past']:.1f}x)"
        }


def works(model: GPT) -> dict[str, Callable[[], object]]:
    """What is timed: their generate, and ours inside the context and past it."""
    peer, start = theirs(model), torch.tensor([[1]])
    sampled = {"attention_mask": torch.ones_like(start), "do_sample": True, "temperature": 1.0, "top_k": 40}
    return {
        "transformers": lambda: peer.generate(start, max_new_tokens=LENGTHS["transformers"], **sampled),
        "inside": lambda: model.generate([1], LENGTHS["inside"], temperature=1.0, top_k=40),
        "past": lambda: model.generate([1], LENGTHS["past"], temperature=1.0, top_k=40),
    }
