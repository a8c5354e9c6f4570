"""How long a run will take, measured before it begins."""

import copy
import time
from dataclasses import replace

from strivelm.data.corpus import Corpus
from strivelm.model import GPT
from strivelm.training.config import TrainConfig
from strivelm.training.evaluation_plan import BACKWARD, plan
from strivelm.training.hardware import Hardware
from strivelm.training.trainer import Trainer

PATIENCE = 0.5  # seconds for a measured step; one that would take longer is measured on a few of its windows


def step_seconds(model: GPT, corpus: Corpus, config: TrainConfig, hardware: Hardware, processes: int = 1) -> float:
    """The seconds that a training step takes, from steps of a copy of the model: the model itself is left alone.

    From two numbers of windows, where the whole batch would take long: what a window costs, and what each step does.
    """
    windows = max(1, config.batch_size // processes)
    hardware = replace(hardware, compile="off")
    few = _seconds(model, corpus, config, hardware, 1)
    if windows == 1:
        return few
    more = min(windows, max(2, int(PATIENCE / max(few, 1e-6))))
    many = _seconds(model, corpus, config, hardware, more)
    return max(many, many + (windows - more) * (many - few) / (more - 1))


def duration(model: GPT, corpus: Corpus, config: TrainConfig, seconds_per_step: float, done: int = 0) -> float:
    """The seconds that a run will take, evaluations included.

    Args:
        done: the steps that it has behind it.
    """
    ends = [] if config.minutes is None else [60 * config.minutes]
    if config.max_steps is not None:
        steps = max(0, config.max_steps - done)
        window = config.batch_size * corpus.window(model.block_size)
        made = plan(model, corpus, replace(config, minutes=None))
        looks = 1 + config.max_steps // config.eval_interval + config.snapshots
        read = 2 * looks * min(made.characters, len(corpus.train)) + made.last
        ends.append(seconds_per_step * (steps + read / (BACKWARD * window) * (steps > 0)))
    return min(ends)


def state_bytes(model: GPT, config: TrainConfig) -> int:
    """The size of what a run needs to go on: the weights, the best ones, and what the optimisers remember, in float32.

    It is less where the weights are the best ones, which a state holds once then, and before the first step.
    """
    parameters = model.num_parameters()
    matrices = sum(p.numel() for p in model.blocks.parameters() if p.dim() == 2) if config.optimizer == "muon" else 0
    return 4 * (2 * parameters + matrices + 2 * (parameters - matrices))


def _seconds(model: GPT, corpus: Corpus, config: TrainConfig, hardware: Hardware, windows: int) -> float:
    small = replace(config, batch_size=windows, grad_accumulation=1, minutes=None, max_steps=10)
    trainer = Trainer(copy.deepcopy(model), corpus, small, hardware)
    seconds = []
    for _ in range(2):  # the first is slower
        begin = time.perf_counter()
        trainer.take_step().item()
        seconds.append(time.perf_counter() - begin)
        if seconds[0] > PATIENCE:
            break
    return seconds[-1]
