"""A training step: ours beside the same model in transformers (GPT2LMHeadModel, eager attention, AdamW, float32).

Two of ours: the same optimiser in the same precision, and what train.py would choose here (Muon, and bfloat16 where it
is measured to be faster). No dropout, which both would have.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch

from benchmarks.peers import VOCABULARY, ours, ratio, speed, taking_turns, theirs
from strivelm.data.corpus import Corpus, batch
from strivelm.tokenizer import CharTokenizer
from strivelm.training.config import TrainConfig
from strivelm.training.hardware import PLAIN, Hardware, settle
from strivelm.training.trainer import Trainer

SIZES = [(4, 4, 128, 64, 12), (4, 2, 128, 128, 16), (6, 4, 256, 256, 16)]  # layers, heads, width, context, batch


def measure(rounds: int) -> Iterator[dict]:
    """A row for each size: characters per second of the three, and ours as a ratio to transformers'."""
    ids = torch.randint(len(VOCABULARY), (100_000,), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    corpus = Corpus("random", "", CharTokenizer(VOCABULARY), ids[:90_000], ids[90_000:])
    for layers, heads, width, context, windows in SIZES:
        plain, chosen = (ours(layers, heads, width, context) for _ in range(2))
        hardware = settle(replace(Hardware("cpu"), threads=torch.get_num_threads()), chosen)
        config = TrainConfig(batch_size=windows)
        work = {
            "transformers": their_step(theirs(plain, attn_implementation="eager"), corpus, windows, context),
            "adamw": Trainer(plain, corpus, replace(config, optimizer="adamw"), PLAIN).take_step,
            "chosen": Trainer(chosen, corpus, config, hardware).take_step,
        }
        turns = taking_turns(work, rounds)
        sizes = f"{layers} layers, {heads} heads, {width} wide, {windows} x {context} characters"
        row = {"sizes": sizes, "parameters": plain.num_parameters(), "precision": hardware.precision}
        for name in work:
            row[f"{name}_characters_per_second"] = speed(turns, name, windows * context)
        for name in ("adamw", "chosen"):
            row[f"ratio_{name}"] = ratio(turns, name, "transformers")
        yield row | {
            "line": f"{sizes}: transformers {row['transformers_characters_per_second']:,.0f} characters/s, ours "
            f"{row['adamw_characters_per_second']:,.0f} with AdamW in float32 ({row['ratio_adamw']:.2f}x), "
            f"{row['chosen_characters_per_second']:,.0f} with Muon in {hardware.precision} ({row['ratio_chosen']:.2f}x)"
        }


def their_step(peer, corpus: Corpus, windows: int, context: int):
    """A step as a user of transformers would write it."""
    optimizer = torch.optim.AdamW(peer.parameters(), lr=1e-3)
    peer.train()

    def step() -> None:
        starts = torch.randint(len(corpus.train) - context, (windows,))
        inputs, targets = batch(corpus.train, starts, context)
        logits = peer(inputs).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step
