"""What moves the weights: Muon and AdamW, and how their learning rates rise and fall over a run."""

import math

import torch

from strivelm.model import GPT
from strivelm.training.config import TrainConfig
from strivelm.training.distributed import ALONE, ProcessGroup
from strivelm.training.hardware import PLAIN, Hardware
from strivelm.training.muon import Muon


def optimizers(
    model: GPT, config: TrainConfig, hardware: Hardware = PLAIN, group: ProcessGroup = ALONE
) -> list[torch.optim.Optimizer]:
    """AdamW, and before it Muon for the blocks' matrices where the config asks for it."""
    in_blocks = [p for p in model.blocks.parameters() if p.dim() == 2]
    embeddings = [model.tok.weight, model.pos.weight]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    adamw = {"lr": config.lr, "betas": (0.9, config.beta2), "fused": hardware.fused == "on"}
    if config.optimizer == "muon":
        dtype = getattr(torch, hardware.precision)
        return [
            Muon(in_blocks, lr=config.muon_lr, weight_decay=config.weight_decay, dtype=dtype, group=group),
            torch.optim.AdamW(embeddings + vectors, weight_decay=0.0, **adamw),
        ]
    groups = [
        {"params": in_blocks + embeddings, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [torch.optim.AdamW(groups, **adamw)]


def schedule(config: TrainConfig, step: int, fraction: float) -> float:
    """What the peak learning rates are multiplied by at a step (from 0) when this fraction of the run is done."""
    rise = min(1.0, (step + 1) / (config.warmup_steps + 1))
    fall = {"constant": 1.0, "linear": 1 - fraction, "cosine": 0.5 * (1 + math.cos(math.pi * fraction))}
    return min(rise, fall[config.schedule])  # a run shorter than the warm-up ends low, too
