"""To nanoGPT's documented loss on a CPU, and beyond: its recipe beside ours, slice by slice in turns.

The recipe is that of nanoGPT's README for a CPU (github.com/karpathy/nanoGPT, "I only have a macbook"): 4 layers,
4 heads, 128 wide, context 64, 12 windows a step, 2,000 steps, no dropout, else its settings for tiny Shakespeare (AdamW
1e-3 to 1e-4 by a cosine, 100 steps of warm-up, betas 0.9 and 0.99, decay 0.1, clip 1). The network is transformers'
GPT2LMHeadModel with fused attention. Ours has as many steps as fit into a tenth of its time, with sizes of
our choice, and into a quarter at its very sizes. Losses are in nats per character over the whole validation text.
"""

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import torch

from benchmarks.peers import seconds, theirs
from strivelm.config import Sizes
from strivelm.data.corpus import Corpus, batch, load_corpus
from strivelm.training.config import TrainConfig
from strivelm.training.evaluation import evaluate
from strivelm.training.hardware import Hardware, settle
from strivelm.training.trainer import Trainer, new_model

THEIRS = Sizes(n_layer=4, n_head=4, n_embd=128, block_size=64)
SMALLER = Sizes(n_layer=2, n_head=4, n_embd=128, block_size=64)
STEPS, WARMUP, WINDOWS, PEAK, FLOOR = 2000, 100, 12, 1e-3, 1e-4
OURS = TrainConfig(batch_size=32, warmup_steps=10, lr=1e-2, muon_lr=0.05)
SLICES, TRIAL = 20, 30


@dataclass
class Run:
    """A training under way."""

    name: str
    sizes: Sizes
    model: object
    count: int
    """How many steps it takes."""
    steps: Iterator[None]
    """Takes a step each time it is asked."""
    seconds: float = 0.0


def measure(rounds: int) -> Iterator[dict]:
    """Three rows: their recipe, ours in a tenth of its time, ours at its sizes in a quarter. All are trained once."""
    corpus = load_corpus("shakespeare")
    their_step = trial(their_steps(theirs(new_model(corpus, THEIRS, 0)), corpus))
    peer = theirs(new_model(corpus, THEIRS, 1337))
    runs = [Run("nanoGPT's recipe", THEIRS, peer, STEPS, their_steps(peer, corpus))]
    for name, sizes, share in (("ours, a tenth", SMALLER, 10), ("ours, a quarter", THEIRS, 4)):
        our_step = trial(our_steps(trainer(corpus, sizes, 10 * TRIAL)))
        ours = trainer(corpus, sizes, round(STEPS * their_step / our_step / share))
        precise = f"{name} ({ours.hardware.precision})"
        runs.append(Run(precise, sizes, ours.model, ours.config.max_steps, our_steps(ours)))
    for i in range(SLICES):
        for run in runs:
            part = run.count * (i + 1) // SLICES - run.count * i // SLICES
            run.seconds += seconds(lambda run=run, part=part: deque(islice(run.steps, part), maxlen=0))
    for run in runs:
        yield row(run, run.seconds / runs[0].seconds, validation_loss(run.model, corpus))


def row(run: Run, share: float, loss: float) -> dict:
    """The figures of one training, and the line that tells them."""
    shape = f"{run.sizes.n_layer} layers, {run.sizes.n_head} heads, {run.sizes.n_embd} wide, context 64"
    line = f"{run.name}: {shape}: {loss:.3f} after {run.seconds:.1f} s ({share:.3f} of its time)"
    figures = {"name": run.name, "sizes": shape, "steps": run.count, "seconds": run.seconds, "share": share}
    return figures | {"validation_loss": loss, "line": line}


def trial(steps: Iterator[None]) -> float:
    """The seconds that one step takes, the first few left out."""
    deque(islice(steps, TRIAL // 3), maxlen=0)
    begin = time.perf_counter()
    deque(islice(steps, TRIAL), maxlen=0)
    return (time.perf_counter() - begin) / TRIAL


def trainer(corpus: Corpus, sizes: Sizes, steps: int) -> Trainer:
    """Our training of so many steps, with the arithmetic that is fastest here."""
    model = new_model(corpus, sizes, 1337)
    hardware = settle(replace(Hardware("cpu"), threads=torch.get_num_threads()), model)
    return Trainer(model, corpus, replace(OURS, max_steps=steps), hardware)


def our_steps(ours: Trainer) -> Iterator[None]:
    """Our steps, one at a time."""
    while ours.fraction < 1:
        ours.take_step()
        ours.fraction = ours.done()
        yield


def their_steps(peer, corpus: Corpus) -> Iterator[None]:
    """nanoGPT's steps, one at a time."""
    decayed = [p for p in peer.parameters() if p.dim() >= 2]
    others = [p for p in peer.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.99))
    draws = torch.Generator().manual_seed(1337)
    peer.train()
    for step in range(STEPS):
        fall = 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))
        rate = PEAK * (step + 1) / (WARMUP + 1) if step < WARMUP else FLOOR + fall * (PEAK - FLOOR)
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(corpus.train) - THEIRS.block_size, (WINDOWS,), generator=draws)
        inputs, targets = batch(corpus.train, starts, THEIRS.block_size)
        logits = peer(inputs).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield


@torch.no_grad()
def validation_loss(model, corpus: Corpus) -> float:
    """What `evaluate` computes, also of their network."""
    if hasattr(model, "blocks"):
        return evaluate(model, corpus.validation)
    model.eval()
    ids, T = corpus.validation.long(), THEIRS.block_size
    total = 0.0
    for start in range(0, len(ids) - 1, T):
        inputs, targets = ids[None, start : start + T], ids[None, start + 1 : start + T + 1]
        logits = model(inputs[:, : targets.shape[1]]).logits
        total += torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
    return total / (len(ids) - 1)
