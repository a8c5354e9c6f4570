"""What a training prints: its settings, its progress, and its evaluations."""

import signal
import sys
import time

from tqdm import tqdm

from strivelm.cli import console
from strivelm.data.corpus import Corpus
from strivelm.model import GPT
from strivelm.training.config import TrainConfig
from strivelm.training.distributed import ProcessGroup
from strivelm.training.events import Evaluating, Evaluation, Progress
from strivelm.training.loop import Event
from strivelm.training.run_folder import sample
from strivelm.words import plural


def clock(seconds: float) -> str:
    """Seconds as 1:05 or 2:03:04."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def line(event: Evaluation) -> str:
    """An evaluation as a line, in the seed project's format."""
    validation = "  -  " if event.validation is None else f"{event.validation:.3f}"
    return f"iter {event.step:5d} | train {event.train:.3f} | val {validation} | {event.seconds:.1f}s"


def say(text: str) -> None:
    """Prints a text above the progress bar; a closed pipe does not end the training."""
    try:
        tqdm.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        console.silence()


class Throttle:
    """Is true when a progress line is due: after two seconds, then at growing intervals of at most 30 s."""

    def __init__(self):
        self.begun = self.last = time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        due = now - self.last > min(30.0, max(2.0, (now - self.begun) / 10))
        if due:
            self.last = now
        return due


class ProgressBar:
    """Shows progress: a bar on a terminal, elsewhere a line from time to time.

    Called with the amount done, the total (None if unknown) and what is being done.
    """

    def __init__(self, silent: bool, unit: str = "B"):
        self.silent, self.unit, self.what = silent, unit, ""
        self.bar: tqdm | None = None

    def __call__(self, done: int, total: int | None, what: str) -> None:
        if self.silent:
            return
        if self.bar is None or what != self.what:
            self.close()
            self.what, self.due = what, Throttle()
            self.bar = tqdm(desc=what, unit=self.unit, unit_scale=True, delay=1, leave=False, disable=None)
        if self.bar.disable:
            if self.due():
                share = f"{done / total:.0%} of {total:,}" if total else f"{done:,}"
                passed = time.monotonic() - self.due.begun
                left = f", {clock(passed / done * (total - done))} left" if total and done else ""
                say(f"{what}: {share} {self.unit.strip()}{left}")
            return
        self.bar.total = total
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        """Removes the bar."""
        if self.bar is not None:
            self.bar.close()


class EventPrinter:
    """Shows the events of a run: a bar on a terminal, elsewhere a line from time to time; evaluations, with samples."""

    def __init__(self, model: GPT, characters: int):
        self.model, self.characters, self.due = model, characters, Throttle()

    def __enter__(self) -> "EventPrinter":
        self.bar = tqdm(total=1, bar_format="{percentage:3.0f}% {bar} {desc}", leave=False, disable=None)
        return self

    def __exit__(self, *exception) -> None:
        self.bar.close()

    def show(self, event: Event) -> None:
        """Moves the bar, or prints an evaluation's line and a sample."""
        match event:
            case Progress(seconds=seconds, fraction=done):
                left = clock(seconds / done * (1 - done)) if done else "?"
                speed = f"{event.characters_per_second:,.0f} characters/s"
                self.bar.n = done
                self._say(f"step {event.step} | loss {event.loss:.3f} | {speed} | {left} left")
            case Evaluating():
                self._say(f"step {event.step} | evaluating: {event.done:,} of {event.total:,} characters")
            case Evaluation():
                say(line(event))
                if self.characters:
                    say(f"--- sample\n{sample(self.model, self.characters)}\n---")
                self.due.last = time.monotonic()

    def _say(self, text: str) -> None:
        if not self.bar.disable:
            self.bar.set_description_str(text)
        elif self.due():
            say(f"     {text}")


class CtrlC:
    """Is true after the first Ctrl-C, which requests a stop; the second one stops at once.

    torchrun forwards each Ctrl-C to processes that have received it already, so one that follows immediately is not
    counted. In a process group only rank 0 handles it, as the others stop with it.
    """

    ECHO = 1.0  # seconds within which a second signal counts as torchrun's copy

    def __init__(self, group: ProcessGroup):
        self.group, self.pressed_at = group, None

    def __call__(self) -> bool:
        return self.pressed_at is not None

    def __enter__(self) -> "CtrlC":
        self._before = signal.signal(signal.SIGINT, signal.SIG_IGN if self.group.rank else self._press)
        return self

    def __exit__(self, *exception) -> None:
        if self.group.size == 1:  # in a group a forwarded signal must not interrupt the last output
            signal.signal(signal.SIGINT, self._before)

    def _press(self, *_) -> None:
        if self.pressed_at is not None:
            if time.monotonic() - self.pressed_at > self.ECHO:
                raise KeyboardInterrupt
            return
        self.pressed_at = time.monotonic()
        tqdm.write(
            "finishing the step and saving; Ctrl-C again stops at once (--resume then repeats unsaved steps)",
            file=sys.stderr,
        )


def describe(corpus: Corpus, model: GPT, config: TrainConfig) -> None:
    """Prints the text, the model and the settings of the training."""
    sizes = model.config
    say(f"text     {corpus.name}: {plural(corpus.characters, 'character')}, {len(corpus.tokenizer)} different")
    say(f"         {len(corpus.train):,} for training, {len(corpus.validation):,} for validation")
    say(
        f"model    {plural(sizes.n_layer, 'layer')}, {plural(sizes.n_head, 'head')}, {sizes.n_embd} wide, "
        f"context {sizes.block_size}, {plural(model.num_parameters(), 'parameter')}"
    )
    ends = [plural(config.max_steps, "step")] if config.max_steps is not None else []
    ends += [f"{config.minutes:g} minutes"] if config.minutes is not None else []
    windows = f"{config.batch_size} x {plural(corpus.window(sizes.block_size), 'character')} a step"
    say(f"training {' or '.join(ends)}, {windows}, {config.optimizer}")
    if config.snapshots:
        say(f"         {plural(config.snapshots, 'snapshot')}, evenly in log(step), saved in the folder's snapshots/")
