"""A training run between two steps: the model, its optimisers, what was seen so far; everything but the loop."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

import torch

from strivelm.config import Sizes
from strivelm.data.corpus import Corpus, batch
from strivelm.model import GPT
from strivelm.training.config import TrainConfig
from strivelm.training.distillation import SoftTargets
from strivelm.training.distributed import ALONE, ProcessGroup
from strivelm.training.evaluation import training_reading, validation_reading
from strivelm.training.evaluation_plan import EvaluationPlan, measured, plan
from strivelm.training.events import Evaluating, Evaluation
from strivelm.training.hardware import PLAIN, Hardware
from strivelm.training.optimizers import optimizers, schedule
from strivelm.training.random_streams import mixed, stream
from strivelm.training.resume import ResumeError, check_same, made_with

PROGRESS_EVERY = 0.2  # seconds
EXPLODED = 1.0  # nats per character above an untrained model: sure of what is wrong


class TrainingDivergedError(ValueError):
    """The loss exploded, or is no number any more. The model holds the best weights seen before."""


def new_model(corpus: Corpus, sizes: Sizes, seed: int, device: str | torch.device = "cpu", init: str = "gpt2") -> GPT:
    """A GPT with fresh weights for a corpus's vocabulary, the same for a seed on any device; init as in TrainConfig."""
    chars = corpus.tokenizer.chars
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the CPU's alone: torch.manual_seed would reseed every GPU too
        model = GPT(vocab_size=len(chars), chars=chars, **vars(sizes))
    if init == "zero":
        for block in model.blocks:
            torch.nn.init.zeros_(block.get_parameter("proj.weight"))
            torch.nn.init.zeros_(block.get_parameter("ff.2.weight"))
    return model.to(device)


class Trainer:
    """A training run between two steps: the model, the optimisers, and what was seen so far.

    `state` is everything that is needed to go on, and `restore` goes on from it: on one CPU with the same number of
    threads, to the same weights bit for bit.
    """

    def __init__(
        self,
        model: GPT,
        corpus: Corpus,
        config: TrainConfig,
        hardware: Hardware = PLAIN,
        group: ProcessGroup = ALONE,
        soft_targets: SoftTargets | None = None,
    ):
        self.model, self.corpus, self.config, self.hardware, self.group = model, corpus, config, hardware, group
        self.soft_targets = soft_targets
        self.forward = torch.compile(model) if hardware.compile == "on" else model
        self.device = next(model.parameters()).device
        self.ids = corpus.train.to(self.device)
        self.length = corpus.window(model.block_size)
        self.optimizers = optimizers(model, config, hardware, group)
        self.peaks = [[part["lr"] for part in opt.param_groups] for opt in self.optimizers]
        self.factor = 0.0  # of the peak learning rates, at the last step
        self.evaluations, self.best_weights = [], {}
        self.plan: EvaluationPlan | None = None
        self.steps, self.marks, self.snapshots_left_out = 0, 0, 0
        self.spent, self.aside = 0.0, 0.0  # seconds: before this process, and of all on looking and saving
        self.look_seconds: float | None = None  # that the latest look took, the first left out, which is slower
        self.start()

    def start(self) -> None:
        """Starts the clock."""
        self._begin = time.perf_counter() - self.spent
        self.fraction = self.done()

    def prepare(self) -> EvaluationPlan:
        """What evaluations read, decided the first time; by the clock that takes a measurement, and the clock runs."""
        if self.plan is None:
            begin, speed = self.seconds, None
            if self.config.minutes is not None:
                speed = self.group.broadcast(measured(self.model, self.corpus, self.group))
            self.plan = plan(self.model, self.corpus, self.config, speed)
            self.aside += self.seconds - begin
        return self.plan

    @property
    def seconds(self) -> float:
        """Since the run began, pauses between a stop and a resume left out."""
        return time.perf_counter() - self._begin

    def _time(self, minutes: float) -> float:
        """The seconds until the last evaluation, for which time is kept, of a run of so many minutes."""
        last = self.plan.last_seconds if self.plan else 0.0
        return max(60 * minutes - last, 30 * minutes)

    def done(self) -> float:
        """How much of the run is done, 0 to 1, by steps or by minutes, whichever ends first."""
        by_time = 0.0 if self.config.minutes is None else self.seconds / self._time(self.config.minutes)
        most = self.config.max_steps
        by_steps = 0.0 if most is None else self.steps / most if most else 1.0
        return min(1.0, max(by_time, by_steps))

    @property
    def best(self) -> Evaluation:
        """The evaluation whose weights are the best so far."""
        return next(e for e in reversed(self.evaluations) if e.best)

    def take_step(self) -> torch.Tensor:
        """The loss of one batch, a scalar, after the weights were moved against its gradient."""
        self.model.train()
        self.factor = schedule(self.config, self.steps, self.fraction)
        for opt, peaks in zip(self.optimizers, self.peaks, strict=True):
            for part, peak in zip(opt.param_groups, peaks, strict=True):
                part["lr"] = peak * self.factor
        loss = self._gradient()
        if self.config.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        for opt in self.optimizers:
            opt.step()
            opt.zero_grad(set_to_none=True)
        self.steps += 1
        return loss

    def _gradient(self) -> torch.Tensor:
        """The loss of this step's batch, whose gradient is then in every parameter's .grad.

        Every process draws the whole batch and computes its share of it, in as many parts as the config says.
        """
        config, loss = self.config, torch.zeros((), device=self.device)
        parts = [self.group.share(drawn).tensor_split(config.grad_accumulation) for drawn in self._drawn()]
        with stream(self.device, config.seed, self.steps, self.group.rank):
            for drawn in zip(*parts, strict=True):
                starts, *noise = (part.to(self.device, non_blocking=True) for part in drawn)
                inputs, targets = batch(self.ids, starts, self.length)
                if noise:
                    replaced, places = noise
                    inputs = torch.where(replaced, self.ids[places].long(), inputs)
                with self.hardware.autocast():
                    logits, mean = self.forward(inputs, targets)
                if self.soft_targets:
                    mean = mean + config.distillation * (self.soft_targets.loss(logits, starts) - mean)
                mean = mean * (len(starts) / config.batch_size)
                mean.backward()
                loss += mean.detach()
        self.group.sum([loss, *(p.grad for p in self.model.parameters() if p.grad is not None)])
        return loss

    def _drawn(self) -> tuple[torch.Tensor, ...]:
        """Where this step's windows begin (B,); with noise also which of their inputs are replaced (B, T), and by the
        characters of which places in the text (B, T): unigram noise (Xie et al. 2017, "Data Noising as Smoothing in
        Neural Network Language Models", 3.2). The targets are left as they are.
        """
        config, draws = self.config, torch.Generator().manual_seed(mixed(self.config.seed, self.steps))
        starts = torch.randint(len(self.ids) - self.length, (config.batch_size,), generator=draws)
        if not config.noise:
            return (starts,)
        windows = config.batch_size, self.length
        replaced = torch.rand(windows, generator=draws) < config.noise
        return starts, replaced, torch.randint(len(self.ids), windows, generator=draws)

    def check(self, loss: float) -> None:
        """Raises TrainingDivergedError for a loss that is not finite; the model then holds the best weights."""
        if not math.isfinite(loss):
            self._diverged(f"the loss became {loss} at step {self.steps}")

    def _diverged(self, what: str) -> None:
        self.load_best()
        raise TrainingDivergedError(
            f"{what}; the model holds the weights of step {self.best.step}. Begin anew, with --overwrite or another "
            "--out: a lower --lr or --muon-lr, or a longer warm-up, helps"
        )

    def look(self, last: bool = False) -> Iterator[Evaluating]:
        """Evaluates: `evaluations` has one more at the end; the weights are remembered if they are the best so far.

        On the way the splits are sampled, the same places each time. The last evaluation reads the validation text
        whole, and where a sample had been lower at an earlier step, once more with the weights of that one, so that
        what decides between the two is exact.

        Raises TrainingDivergedError where the training loss is far above an untrained model's, or no number.
        """
        planned = self.prepare()
        now = yield from self._read(training_reading, self.corpus.train, planned.characters)
        if self.evaluations and not now <= self.evaluations[0].train + EXPLODED:
            self._diverged(
                f"the training loss was {now:.3f} at step {self.steps}, {self.evaluations[0].train:.3f} at the start"
            )
        text, validation, best, exact = self.corpus.validation, None, True, True
        most = planned.last if last else planned.characters
        if len(text):
            validation, exact = (yield from self._read(validation_reading, text, most)), most >= len(text) - 1
            sampled = validation
            if most > planned.characters < len(text) - 1 and self.evaluations:
                sampled = yield from self._read(validation_reading, text, planned.characters)
            best = all(sampled < e.validation for e in self.evaluations)
            if not best and sampled is not validation:
                best = validation < (yield from self._exactly(most, exact))
        if best:
            self.best_weights = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        read = None if exact else most
        self.evaluations.append(Evaluation(self.steps, now, validation, self.seconds, best, exact, read))

    def _read(self, reading: Callable, ids: torch.Tensor, characters: int) -> Iterator[Evaluating]:
        """Reads a text, saying how far it is when that takes long; returns the mean loss."""
        passes, done, total = reading(self.model, ids, characters, group=self.group), 0, min(characters, len(ids) - 1)
        shown = time.perf_counter()
        while True:
            try:
                done += next(passes)
            except StopIteration as end:
                return end.value
            if time.perf_counter() - shown > PROGRESS_EVERY:
                yield Evaluating(self.steps, min(done, total), total)
                shown = time.perf_counter()

    def _exactly(self, characters: int, exact: bool) -> Iterator[Evaluating]:
        """The validation loss of the best weights over so many characters, which from then on is theirs."""
        current = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.best_weights)
        loss = yield from self._read(validation_reading, self.corpus.validation, characters)
        self.model.load_state_dict(current)
        place = self.evaluations.index(self.best)
        read = None if exact else characters
        self.evaluations[place] = replace(self.best, validation=loss, exact=exact, characters=read)
        return loss

    def load_best(self) -> None:
        """Puts the best weights into the model, in evaluation mode."""
        self.model.load_state_dict(self.best_weights)
        self.model.eval()

    def due(self, done: float) -> tuple[bool, bool]:
        """Whether an evaluation belongs at this step, and whether a snapshot does, when so much of the run is done;
        asked once a step.

        By the clock what there is no time for is left out, but for the first and the last.
        """
        snapshot, at_an_end = self._snapshot_due(done), done == 1 or self.steps == 0
        if at_an_end or self.plan is None:
            return True, snapshot
        to_come = max(0, self.config.snapshots - 1 - self.marks)
        cost = self.plan.cost if self.look_seconds is None else self.look_seconds
        if snapshot and not self.plan.affords(self.aside, cost, 1.0, 0):
            self.snapshots_left_out, snapshot = self.snapshots_left_out + 1, False
        regular = self.steps % self.config.eval_interval == 0
        return snapshot or (regular and self.plan.affords(self.aside, cost, done, to_come)), snapshot

    def _snapshot_due(self, done: float) -> bool:
        """One is taken before the first step, one after the first and one at the end; the others divide what lies
        between evenly on a logarithmic scale. Where two fall on one step, one is taken. By the clock the number of
        steps is not known beforehand: it is estimated anew from the time that a step takes.
        """
        count = self.config.snapshots
        if not count or self.steps == 0 or done == 1:
            return bool(count) and (count > 1 or done == 1)
        if count < 3:
            return False
        passed = int((count - 2) * math.log(self.steps) / math.log(self._expected_steps()) + 1e-9) + 1
        due, self.marks = passed > self.marks, max(passed, self.marks)
        return due

    def _expected_steps(self) -> float:
        """How many steps the run will have, more than there were."""
        ends: list[float] = [] if self.config.max_steps is None else [self.config.max_steps]
        if self.config.minutes is not None:
            left = self._time(self.config.minutes) - self.seconds
            ends.append(self.steps + left * self.steps / (self.seconds - self.aside))
        return max(self.steps + 1, min(ends))

    def state(self) -> dict:
        """Everything needed to go on, as tensors and plain values; the tensors are live, so save them at once."""
        return {
            "made_with": self._made_with(),
            "machine": asdict(self.hardware),
            "steps": self.steps,
            "seconds": self.seconds,
            "aside": self.aside,
            "marks": self.marks,
            "plan": self.plan and asdict(self.plan),
            "evaluations": [asdict(e) for e in self.evaluations],
            "model": self.model.state_dict(),
            "best_weights": self.best_weights,
            "optimizers": [opt.state_dict() for opt in self.optimizers],
        }

    def restore(self, state: dict) -> None:
        """Goes back to a state.

        Raises ResumeError where it was made with other settings, sizes or text, or is not a whole state.
        """
        try:
            check_same(state["made_with"], self._made_with())
            self.model.load_state_dict(state["model"])
            for opt, saved in zip(self.optimizers, state["optimizers"], strict=True):
                opt.load_state_dict(saved)
                for part in opt.param_groups:
                    if "fused" in part:  # a matter of this computer, not of the run
                        part["fused"] = self.hardware.fused == "on"
            self.evaluations = [Evaluation(**entry) for entry in state["evaluations"]]
            self.best_weights, self.steps = state["best_weights"], state["steps"]
            self.spent, self.aside, self.marks = state["seconds"], state["aside"], state["marks"]
            made = state.get("plan")  # which states from before there were plans lack
            self.plan = EvaluationPlan(**made) if made else None
            self.start()
        except ResumeError:
            raise
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            raise ResumeError(f"the saved state is not a whole one: {error}") from error

    def _made_with(self) -> dict:
        teachers = self.soft_targets.teachers if self.soft_targets else ()
        return made_with(self.config, self.model.config, self.corpus, teachers)
