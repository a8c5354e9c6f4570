"""To nanoGPT's documented loss on a CPU, and beyond: its recipe beside ours, one after the other in one run.

The recipe is that of nanoGPT's README for a CPU (github.com/karpathy/nanoGPT, "I only have a macbook"): 4 layers,
4 heads, 128 wide, context 64, 12 windows a step, 2,000 steps, no dropout, else its settings for tiny Shakespeare (AdamW
1e-3 to 1e-4 by a cosine, 100 steps of warm-up, betas 0.9 and 0.99, decay 0.1, clip 1). The network is transformers'
GPT2LMHeadModel with fused attention. Ours then has a tenth of the seconds that it took, with sizes of our choice, and a
quarter of them at its very sizes. Losses are in nats per character over the whole validation text.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from benchmarks.peers import theirs
from strivelm.config import Sizes, TrainConfig
from strivelm.corpus import Corpus, batch, load_corpus
from strivelm.evaluation import evaluate
from strivelm.machine import Machine, settle
from strivelm.training import Trainer, new_model

THEIRS = Sizes(n_layer=4, n_head=4, n_embd=128, block_size=64)
SMALLER = Sizes(n_layer=2, n_head=4, n_embd=128, block_size=64)
STEPS, WARMUP, WINDOWS, PEAK, FLOOR = 2000, 100, 12, 1e-3, 1e-4
OURS = TrainConfig(max_steps=None, minutes=1.0, batch_size=32, warmup_steps=10)


def measure(rounds: int) -> Iterator[dict]:
    """Three rows: their recipe, ours in a tenth of its time, ours at its sizes in a quarter. `rounds` is not used."""
    corpus = load_corpus("shakespeare")
    peer = theirs(new_model(corpus, THEIRS, 1337))
    took = train_theirs(peer, corpus)
    yield row("nanoGPT's recipe", THEIRS, took, took, validation_loss(peer, corpus))
    for name, sizes, share in (("ours, a tenth of the time", SMALLER, 10), ("ours, a quarter", THEIRS, 4)):
        model = new_model(corpus, sizes, 1337)
        machine = settle(replace(Machine("cpu"), threads=torch.get_num_threads()), model)
        spent = train_ours(Trainer(model, corpus, replace(OURS, minutes=took / share / 60), machine))
        yield row(f"{name} ({machine.precision})", sizes, spent, took, evaluate(model, corpus.validation))


def row(name: str, sizes: Sizes, seconds: float, their_seconds: float, loss: float) -> dict:
    """The figures of one training, and the line that tells them."""
    shape = f"{sizes.n_layer} layers, {sizes.n_head} heads, {sizes.n_embd} wide, context {sizes.block_size}"
    line = f"{name}: {shape}: {loss:.3f} after {seconds:.1f} s ({seconds / their_seconds:.2f} of its time)"
    return {"name": name, "sizes": shape, "seconds": seconds, "validation_loss": loss, "line": line}


def train_theirs(peer, corpus: Corpus) -> float:
    """The seconds that nanoGPT's recipe takes."""
    decayed = [p for p in peer.parameters() if p.dim() >= 2]
    others = [p for p in peer.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.99))
    torch.manual_seed(1337)
    peer.train()
    begin = time.perf_counter()
    for step in range(STEPS):
        fall = 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))
        rate = PEAK * (step + 1) / (WARMUP + 1) if step < WARMUP else FLOOR + fall * (PEAK - FLOOR)
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(corpus.train) - THEIRS.block_size, (WINDOWS,))
        inputs, targets = batch(corpus.train, starts, THEIRS.block_size)
        logits = peer(inputs).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return time.perf_counter() - begin


def train_ours(trainer: Trainer) -> float:
    """The seconds that our recipe takes; it is given them beforehand, and the schedule is fitted to them."""
    begin = time.perf_counter()
    while trainer.fraction < 1:
        trainer.take_step()
        trainer.fraction = trainer.done()
    return time.perf_counter() - begin


@torch.no_grad()
def validation_loss(peer, corpus: Corpus) -> float:
    """What `evaluate` computes, for their network."""
    peer.eval()
    ids, T = corpus.validation.long(), THEIRS.block_size
    total = 0.0
    for start in range(0, len(ids) - 1, T):
        inputs, targets = ids[None, start : start + T], ids[None, start + 1 : start + T + 1]
        logits = peer(inputs[:, : targets.shape[1]]).logits
        total += torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
    return total / (len(ids) - 1)
