"""One stream of text, sampled with top-k 40: the decoder in C beside the one in torch and transformers' generate.

Transformers can't go past a model's context. There, our speeds are set against its speed inside it, and ours hold what
it costs to read half of the context afresh whenever it is full. Ratios are of CPU time, which a busy machine bends
less than the clock on the wall; that is reported beside it.
"""

import statistics
import time
from collections.abc import Callable, Iterator

import torch

from benchmarks.peers import ours, ratio, speed, theirs
from strivelm import GPT, SamplingConfig, load_model
from strivelm.decoder import engine_of
from strivelm.generation import generate

SIZES = [(4, 4, 128), (6, 6, 384)]  # layers, heads, width
CONTEXT = 256
CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}


class Using:
    """A model whose texts one engine writes, as `generate` asks for one."""

    def __init__(self, model: GPT, engine: str | None):
        self.model, self.engine, self.vocab_size = model, engine, model.vocab_size

    def decoder(self):
        """A decoder of that engine."""
        return self.model.decoder(engine=self.engine)

    def write(self, characters: int) -> None:
        """Writes a text."""
        for _ in generate(self, [1], SamplingConfig(characters, 1.0, 40)):
            pass


def measure(rounds: int) -> Iterator[dict]:
    """A row for each model: characters per second of each way, their spreads, and the ratios between them."""
    yield _row("bundled", load_model("bundled"), rounds)
    yield _row("bundled, float32", _moved(load_model("bundled")), rounds)
    yield _row("film", load_model("film"), rounds)
    for layers, heads, width in SIZES:
        model = ours(layers, heads, width, CONTEXT).eval()  # its texts are noise, which nothing guesses
        yield _row(f"{layers} x {width}, float32", model, rounds)
        with torch.no_grad():  # as a folder that stores float16 gives it back
            for parameter in model.parameters():
                parameter.copy_(parameter.half())
        yield _row(f"{layers} x {width}, float16", model, rounds)


@torch.no_grad()
def _moved(model: GPT) -> GPT:
    """The model with weights that float16 does not hold, but whose texts are hardly others."""
    for parameter in model.parameters():
        parameter.mul_(1 + 2**-13)
    return model


def _row(name: str, model: GPT, rounds: int) -> dict:
    work, best, inside, past = works(model), engine_of(model), *lengths(model)
    found = both_clocks({what: once for what, (once, _) in work.items()}, rounds)
    c = model.config
    row = {
        "model": name,
        "sizes": f"{c.n_layer} layers, {c.n_head} heads, {c.n_embd} wide, context {c.block_size}",
        "parameters": model.num_parameters(),
        "engine": best,
    }
    for clock, turns in found.items():
        for what, (_, characters) in work.items():
            row[f"{what}_characters_per_second_{clock}"] = round(speed(turns, what, characters), 1)
            row[f"{what}_spread_{clock}"] = [round(end, 1) for end in spread(turns, what, characters)]
        for where in ("inside", "past"):
            row[f"times_torch_{where}_{clock}"] = ratio(turns, where, f"torch_{where}")
            row[f"times_transformers_{where}_{clock}"] = ratio(
                turns, where, "transformers", work[where][1] / work["transformers"][1]
            )
        row[f"past_to_inside_{clock}"] = ratio(turns, "past", "inside", past / inside)
    return row | {"line": _line(row)}


def _line(row: dict) -> str:
    def said(what: str) -> str:
        low, high = row[f"{what}_spread_cpu"]
        wall = row[f"{what}_characters_per_second_wall"]
        return f"{row[f'{what}_characters_per_second_cpu']:,.0f} ({low:,.0f} to {high:,.0f}; wall {wall:,.0f})"

    ways = {"transformers": "transformers", "torch_inside": "torch", "inside": row["engine"]}
    past = {"torch_past": "torch", "past": row["engine"]}
    times = [f"{row[f'times_{peer}_inside_cpu']:.1f}x {peer}" for peer in PEERS]
    return (
        f"{row['model']} ({row['sizes']}), characters/s of CPU time: "
        + ", ".join(f"{name} {said(what)}" for what, name in ways.items())
        + f"; {' and '.join(times)}. Past the context: "
        + ", ".join(f"{name} {said(what)}" for what, name in past.items())
        + f"; {row['times_torch_past_cpu']:.1f}x torch, {row['past_to_inside_cpu']:.2f} of inside"
    )


PEERS = ("torch", "transformers")


def lengths(model: GPT) -> tuple[int, int]:
    """How many characters are written inside the context, and past it."""
    return model.block_size - 1, 4 * model.block_size


def works(model: GPT) -> dict[str, tuple[Callable[[], object], int]]:
    """What is timed and how many characters it writes: their generate, and ours inside the context and past it."""
    peer, start, (inside, past) = theirs(model), torch.tensor([[1]]), lengths(model)
    peer.generation_config.max_length = None  # it would be named beside max_new_tokens at every call
    sampled = {"attention_mask": torch.ones_like(start), "do_sample": True, "temperature": 1.0, "top_k": 40}
    best, plain = Using(model, None), Using(model, "torch")
    return {
        "transformers": (lambda: peer.generate(start, max_new_tokens=inside, **sampled), inside),
        "torch_inside": (lambda: plain.write(inside), inside),
        "inside": (lambda: best.write(inside), inside),
        "torch_past": (lambda: plain.write(past), past),
        "past": (lambda: best.write(past), past),
    }


def both_clocks(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[dict[str, float]]]:
    """By clock, the seconds of each piece of work in each round, taking turns, after one round that does not count."""
    for once in work.values():
        once()
    found = {name: [{} for _ in range(rounds)] for name in CLOCKS}
    for round in range(rounds):
        for name, once in work.items():
            begin = {clock: read() for clock, read in CLOCKS.items()}
            once()
            for clock, read in CLOCKS.items():
                found[clock][round][name] = read() - begin[clock]
    return found


def spread(turns: list[dict[str, float]], name: str, characters: int) -> tuple[float, float]:
    """Characters per second, the quarter and three quarters of the rounds."""
    speeds = [characters / turn[name] for turn in turns]
    low, _, high = statistics.quantiles(speeds, n=4, method="inclusive") if len(speeds) > 1 else speeds * 3
    return low, high
