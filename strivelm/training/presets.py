"""Sizes and training that go together, by name."""

from dataclasses import dataclass, replace

from strivelm.config import Sizes
from strivelm.training.config import TrainConfig


@dataclass(frozen=True)
class Preset:
    """Sizes and training that go together."""

    purpose: str
    """What it is for."""
    sizes: Sizes
    training: TrainConfig
    taught: bool = False
    """Whether these settings count on teachers; without them such a model would learn its text by heart."""


LONG = TrainConfig(
    max_steps=4400, batch_size=16, lr=8e-3, muon_lr=0.03, init="zero", warmup_steps=50, eval_interval=1100
)

PRESETS = {
    "seed": Preset(
        "the notebook's own run",
        Sizes(n_layer=2, n_head=2, n_embd=128, block_size=64),
        TrainConfig(
            max_steps=500,
            batch_size=32,
            optimizer="adamw",
            lr=3e-4,
            beta2=0.999,
            weight_decay=0.01,
            warmup_steps=0,
            schedule="constant",
            grad_clip=0.0,
            eval_interval=50,
        ),
    ),
    "small": Preset(
        "a laptop's minutes (the default)",
        Sizes(n_layer=4, n_head=2, n_embd=128, block_size=128, dropout=0.05),
        TrainConfig(max_steps=1500, batch_size=16),
    ),
    "film": Preset(
        "a small model with twelve snapshots of its youth, which comes along too",
        Sizes(n_layer=2, n_head=2, n_embd=128, block_size=128),
        TrainConfig(max_steps=3000, batch_size=16, snapshots=12),
    ),
    "medium": Preset(
        "ten minutes of two cores that know bfloat16",
        Sizes(n_layer=5, n_head=3, n_embd=192, block_size=256, dropout=0.1),
        TrainConfig(max_steps=2500, batch_size=16, muon_lr=0.04, warmup_steps=50),
    ),
    "teacher": Preset(
        "what the bundled model learnt from",
        Sizes(n_layer=6, n_head=4, n_embd=256, block_size=256, dropout=0.25),
        LONG,
    ),
    "bundled": Preset(
        "the model that comes along; it counts on --teachers",
        Sizes(n_layer=6, n_head=4, n_embd=256, block_size=256, dropout=0.05),
        replace(LONG, max_steps=2200, distillation=0.6, eval_interval=300),
        taught=True,
    ),
    "base": Preset(
        "nanoGPT's Shakespeare size; for a GPU",
        Sizes(n_layer=6, n_head=6, n_embd=384, block_size=256, dropout=0.2),
        TrainConfig(max_steps=5000, batch_size=64, lr=5e-3, muon_lr=0.02, warmup_steps=100),
    ),
    "large": Preset(
        "GPT-2 small's size; for a large GPU",
        Sizes(n_layer=12, n_head=12, n_embd=768, block_size=1024, dropout=0.2),
        TrainConfig(max_steps=5000, batch_size=32, lr=3e-3, muon_lr=0.02, warmup_steps=200),
    ),
}
