"""What a training prints: what is about to happen, how far it is, and what came out."""

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


def clock(seconds: float) -> str:
    """Seconds as a person reads them: 1:05, 2:03:04."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def line(event: Evaluation) -> str:
    """The seed project's line."""
    validation = "  -  " if event.validation is None else f"{event.validation:.3f}"
    return f"iter {event.step:5d} | train {event.train:.3f} | val {validation} | {event.seconds:.1f}s"


def say(text: str) -> None:
    """Prints a text above the progress bar; a reader that has gone away does not end the training."""
    try:
        tqdm.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        console.silence()


def some(count: int, thing: str) -> str:
    """A number of things: 1 layer, 2 layers."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


class Rhythm:
    """Says yes when something is due that shows life: after two seconds, then ever more seldom, at least every 30 s."""

    def __init__(self):
        self.begun = self.last = time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        due = now - self.last > min(30.0, max(2.0, (now - self.begun) / 10))
        if due:
            self.last = now
        return due


class Reading:
    """How far something is that takes a while: a bar on a terminal, elsewhere a line now and then.

    Called with what is done, what there is to do (None where nobody knows) and what is being done.
    """

    def __init__(self, silent: bool, unit: str = "B"):
        self.silent, self.unit, self.what = silent, unit, ""
        self.bar: tqdm | None = None

    def __call__(self, done: int, total: int | None, what: str) -> None:
        if self.silent:
            return
        if self.bar is None or what != self.what:
            self.close()
            self.what, self.due = what, Rhythm()
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
        """Takes the last bar away."""
        if self.bar is not None:
            self.bar.close()


class Showing:
    """Shows the events of a run: a bar on a terminal, elsewhere a line now and then; evaluations, with samples."""

    def __init__(self, model: GPT, characters: int):
        self.model, self.characters, self.due = model, characters, Rhythm()

    def __enter__(self) -> "Showing":
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
    """Asks for a stop at the first Ctrl-C; the second one stops at once.

    torchrun hands each Ctrl-C on to processes that have heard it already, so one that comes at once is no second one;
    and of a group only the first process listens, as the others stop with it.
    """

    ECHO = 1.0  # seconds

    def __init__(self, group: ProcessGroup):
        self.group, self.pressed_at = group, None

    def __call__(self) -> bool:
        return self.pressed_at is not None

    def __enter__(self) -> "CtrlC":
        self._before = signal.signal(signal.SIGINT, signal.SIG_IGN if self.group.rank else self._press)
        return self

    def __exit__(self, *exception) -> None:
        if self.group.size == 1:  # a group's last words must not be cut by an echo
            signal.signal(signal.SIGINT, self._before)

    def _press(self, *_) -> None:
        if self.pressed_at is not None:
            if time.monotonic() - self.pressed_at > self.ECHO:
                raise KeyboardInterrupt
            return
        self.pressed_at = time.monotonic()
        tqdm.write(
            "finishing the step and saving; Ctrl-C again stops at once (then --resume repeats what is not saved)",
            file=sys.stderr,
        )


def describe(corpus: Corpus, model: GPT, config: TrainConfig) -> None:
    """Prints what is about to be trained, and on what."""
    sizes = model.config
    say(f"text     {corpus.name}: {some(corpus.characters, 'character')}, {len(corpus.tokenizer)} different")
    say(f"         {len(corpus.train):,} for training, {len(corpus.validation):,} for validation")
    say(
        f"model    {some(sizes.n_layer, 'layer')}, {some(sizes.n_head, 'head')}, {sizes.n_embd} wide, "
        f"context {sizes.block_size}, {some(model.num_parameters(), 'parameter')}"
    )
    ends = [some(config.max_steps, "step")] if config.max_steps is not None else []
    ends += [f"{config.minutes:g} minutes"] if config.minutes is not None else []
    windows = f"{config.batch_size} x {some(corpus.window(sizes.block_size), 'character')} a step"
    say(f"training {' or '.join(ends)}, {windows}, {config.optimizer}")
    if config.snapshots:
        say(f"         {some(config.snapshots, 'snapshot')}, evenly in log(step), kept in the folder's snapshots/")
