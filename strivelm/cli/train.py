"""Trains a character-level GPT on a text and leaves a model folder.

python scripts/train.py                                   # the bundled fables, a few minutes
python scripts/train.py --data shakespeare --out runs/mine
python scripts/train.py --preset seed --data input.txt    # the notebook's own run
"""

import itertools
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

# Threads that spin while they wait are 25 times slower than one thread as soon as another program uses a core (measured
# on two); sleeping ones are not. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
import tyro
from tqdm import tqdm

from strivelm import GPT
from strivelm.cli import console, tracking
from strivelm.config import Sizes
from strivelm.data.corpus import Corpus, load_corpus
from strivelm.data.ngrams import ladder
from strivelm.hub import publish
from strivelm.training.config import TrainConfig
from strivelm.training.distillation import SoftTargets, check_teachers, soft_targets
from strivelm.training.distributed import ProcessGroup, local_device, team
from strivelm.training.events import Evaluation, Finished, Progress, Resumable
from strivelm.training.hardware import CHOICES, Hardware, cores, resolve_device, settle
from strivelm.training.presets import PRESETS
from strivelm.training.run_folder import Run, check_folder, is_finished, sample, saved_state
from strivelm.training.trainer import new_model, train

AFTER_THE_FIRST = 10.0  # seconds that a team's other processes leave the first to say what went wrong


@dataclass(frozen=True)
class Flags:
    """Train a character-level GPT. What no flag says comes from the preset."""

    sizes: Annotated[Sizes, tyro.conf.arg(name="")]
    training: Annotated[TrainConfig, tyro.conf.arg(name="")]
    machine: Annotated[Hardware, tyro.conf.arg(name="")]
    preset: Literal[tuple(PRESETS)] = "small"
    """Sizes and training that go together; this help shows the values of the preset that stands before --help."""
    data: str = "bundled"
    """bundled, shakespeare, a file, an http(s) address, or hf://datasets/owner/name/file.txt."""
    teachers: tuple[str, ...] = ()
    """Models (folders or Hub names) whose expectations of the text are learnt beside it; see --distillation."""
    out: Path | None = None
    """The folder that becomes the model; runs/PRESET-DATA if not given."""
    resume: bool = False
    """Go on with the run that the folder holds, with the flags it was started with."""
    dry_run: bool = False
    """Say what would be trained, with what and where to, and stop there."""
    overwrite: bool = False
    """Replace a model or a run that the folder already holds."""
    dtype: Literal["float32", "float16"] = "float32"
    """How weights are stored; float16 halves the files and costs no loss that can be measured."""
    track: bool = False
    """Send the losses to trackio as well (pip install trackio)."""
    push: str | None = None
    """Where on the Hub the model goes at the end, as owner/name, its snapshots as revisions step-N."""
    private: bool = False
    """Keep strangers out of what is pushed."""
    sample: int = 200
    """How many characters to show after each evaluation."""

    def __post_init__(self):
        if self.sample < 0:
            raise ValueError(f"sample is {self.sample}; expected a whole number, at least 0")
        if self.out is not None and self.out == Path():
            raise ValueError("out is the current folder; expected a folder of the run's own, for example runs/mine")


def parse(args: list[str]) -> Flags:
    """The flags, their defaults taken from the preset that the command line names."""
    named = [b for a, b in itertools.pairwise(args) if a == "--preset"]
    named += [a.removeprefix("--preset=") for a in args if a.startswith("--preset=")]
    preset = named[-1] if named and named[-1] in PRESETS else "small"
    training = PRESETS[preset].training
    if any(a.split("=")[0] == "--minutes" for a in args):  # then they alone decide, unless steps are asked for as well
        training = replace(training, max_steps=None, minutes=1.0)
    defaults = Flags(PRESETS[preset].sizes, training, Hardware(), preset)
    named_ones = "\n".join(f"  {name}: {a_preset.purpose}" for name, a_preset in PRESETS.items())
    return tyro.cli(Flags, default=defaults, args=args, description=f"{__doc__}\npresets:\n{named_ones}")


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


def introduce(model: GPT, corpus: Corpus, flags: Flags, hardware: Hardware, group: ProcessGroup, out: Path) -> None:
    """Prints what is about to be trained, on what, with what, and what to beware of."""
    sizes, config = model.config, flags.training
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
    if flags.teachers:
        say(f"teachers {', '.join(flags.teachers)}; their share in what is learnt: {config.distillation:g}")
    say(f"machine  {machine}" + (f", {group.size} processes" if group.size > 1 else ""))
    say(f"folder   {out}")
    if PRESETS[flags.preset].taught and not flags.teachers:
        say("note     this preset counts on --teachers: --preset teacher is the one for learning alone")
    for warning in corpus.warnings(model.block_size):
        say(f"note     {warning}")


def counting(corpus: Corpus) -> dict[str, float]:
    """What counting alone reaches on the validation text, printed too; {} where there is none."""
    if not len(corpus.validation):
        return {}
    rungs = ladder(corpus.train, corpus.validation, len(corpus.tokenizer))
    losses = ", ".join(f"{name} {loss:.3f}" for name, loss in rungs.items())
    say(f"ladder   {losses}: the validation loss of counting alone, nats per character")
    return rungs


def prepared(flags: Flags, corpus: Corpus, hardware: Hardware, group: ProcessGroup, device: torch.device) -> SoftTargets | None:
    """What the teachers expect of the text, with a bar while they read it; None without teachers, or --dry-run."""
    if not flags.teachers:
        return None
    with group.one_before_the_others():  # one of them fetches what is on the Hub
        teachers = [GPT.from_pretrained(name, map_location=device) for name in flags.teachers]
    if flags.dry_run:
        check_teachers(teachers, corpus)
        return None
    hidden = True if group.rank else None
    with tqdm(desc="teachers read", unit=" characters", unit_scale=True, leave=False, disable=hidden) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return soft_targets(teachers, corpus, machine, group, progress)


class Reading:
    """A progress bar for each stage of reading a text that takes longer than a second."""

    def __init__(self, silent: bool):
        self.silent, self.what, self.bar = silent or None, None, None

    def __call__(self, done: int, total: int | None, what: str) -> None:
        if what != self.what:
            self.close()
            self.what = what
            self.bar = tqdm(
                desc=what, total=total, unit="B", unit_scale=True, delay=1, leave=False, disable=self.silent
            )
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        """Takes the last bar away."""
        if self.bar is not None:
            self.bar.close()


class CtrlC:
    """Asks for a stop at the first Ctrl-C; the second one stops at once.

    torchrun hands each Ctrl-C on to processes that have heard it already, so one that comes at once is no second one;
    and of a team only the first process listens, as the others stop with it.
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
        if self.group.size == 1:  # a team's last words must not be cut by an echo
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


def progress_bar() -> tqdm:
    """The bar of a whole run."""
    return tqdm(total=1, bar_format="{percentage:3.0f}% {bar} {desc}", leave=False, disable=None)


def show(event: Progress | Evaluation, bar: tqdm, model: GPT, characters: int) -> None:
    """Moves the progress bar, or prints an evaluation's line and a sample."""
    if isinstance(event, Progress):
        left = clock(event.seconds / event.fraction * (1 - event.fraction)) if event.fraction else "?"
        bar.n = event.fraction
        speed = f"{event.characters_per_second:,.0f} characters/s"
        bar.set_description_str(f"step {event.step} | loss {event.loss:.3f} | {speed} | {left} left")
    elif isinstance(event, Evaluation):
        say(line(event))
        if characters:
            say(f"--- sample\n{sample(model, characters)}\n---")


def settled(flags: Flags, model: GPT, state: dict | None, group: ProcessGroup) -> Hardware:
    """What the run computes with: as flags say, then as the run that goes on did, then as measured now."""
    asked = replace(flags.machine, device=str(next(model.parameters()).device))
    then = state.get("machine", {}) if state else {}
    if torch.device(then.get("device", "meta")).type == torch.device(asked.device).type:
        open_ones = [name for name in ("threads", *CHOICES) if getattr(asked, name) in (0, "auto")]
        asked = replace(asked, **{name: then[name] for name in open_ones if name in then})
    neighbours = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    machine = replace(group.broadcast(settle(asked, model, max(1, cores() // neighbours))), device=asked.device)
    torch.set_num_threads(hardware.threads)
    if hardware.device == "cpu" and hardware.threads * neighbours > cores():
        say(f"note     {hardware.threads * neighbours} threads share {some(cores(), 'core')}: fewer would be faster")
    if then and then != asdict(machine):
        say(f"note     the run was begun with {Hardware(**then)}: from here on its weights will not be those of a run")
        say("         that was never stopped, bit for bit")
    return machine


def follow(events: Iterator, keeper: Run, flags: Flags) -> Finished | Resumable:
    """The last of a training's events, after all of them were kept, shown, and sent to trackio where asked for."""
    tracker = tracking.Tracker(keeper.record, keeper.folder.name) if flags.track else None
    with tracker or nullcontext(), progress_bar() as bar:
        for event in events:
            keeper.keep(event)
            if tracker:
                tracker.keep(event)
            show(event, bar, keeper.model, flags.sample)
    return event


def run(flags: Flags, group: ProcessGroup, device: torch.device) -> None:
    """Trains as the flags say, showing progress, keeping the best model in the folder."""
    out, first = flags.out or Path("runs") / f"{flags.preset}-{Path(flags.data).stem}", group.rank == 0
    state, overwrite = group.broadcast(saved_state(out) if flags.resume and first else None), flags.overwrite
    if flags.resume and state is None:
        finished = group.broadcast(is_finished(out) if first else None)
        if finished:
            say(
                f"The run in {out} is finished: there is nothing to resume. A longer one starts anew, in another --out."
            )
            return
        overwrite = overwrite or finished is False  # killed before its first state was saved
        say(f"Nothing was saved in {out} yet: starting from the beginning.")
    if first:
        check_folder(out, overwrite or state is not None)
    with group.one_before_the_others(), closing(Reading(silent=not first)) as reading:
        corpus = load_corpus(flags.data, progress=reading)
    model = new_model(corpus, flags.sizes, flags.training.seed, device, flags.training.init)
    machine = settled(flags, model, state, group)
    stop = CtrlC(group)
    introduce(model, corpus, flags, machine, group, out)
    taught = prepared(flags, corpus, machine, group, device)
    events = train(model, corpus, flags.training, state, stop, machine, group, taught)
    if flags.dry_run:
        say("Nothing was trained or written: --dry-run.")
        return
    command = command_line(machine, group)
    if first:
        dtype = getattr(torch, flags.dtype)
        keeper = Run(out, model, corpus, flags.training, command, overwrite, state, machine, dtype)
        keeper.record["ngrams"] = counting(corpus)
        if taught:
            who = zip(flags.teachers, taught.teachers, strict=True)
            keeper.record["teachers"] = [{"name": name, "sha256": sha256} for name, sha256 in who]
        if state is not None:
            say(f"resuming at step {state['steps']}")
        with stop:
            event = follow(events, keeper, flags)
    else:
        with stop:
            *_, event = events
    if isinstance(event, Finished):
        say(event.verdict)
        say(f"The model is in {out}. Let it speak: python scripts/generate.py --model {shlex.quote(str(out))}")
        if first and flags.push is not None:
            to_the_hub(out, flags)
    else:
        say(f"Stopped at step {event.step}; {out} holds the best model so far. To go on, add --resume:")
        say(f"    {command} --resume")


def to_the_hub(out: Path, flags: Flags) -> None:
    """Pushes what was trained; where that fails, the folder is kept and the error says how to go on."""
    try:
        snapshots = flags.training.snapshots > 0
        say(f"It is on the Hub: {publish.push(out, flags.push, private=flags.private or None, snapshots=snapshots)}")
    except ValueError as error:
        raise ValueError(f"{error}. The model is safe in {out}: python scripts/push.py {out} {flags.push}") from error


def command_line(hardware: Hardware, group: ProcessGroup) -> str:
    """The command that starts this run anew, with what was measured written out: so it computes the same again."""
    start = f"torchrun --nproc-per-node={os.environ['LOCAL_WORLD_SIZE']}" if group.size > 1 else "python"
    flags = [a for a in sys.argv[1:] if a != "--resume"]
    for name in ("threads", "precision") if hardware.device == "cpu" else ():
        if not any(a.split("=")[0] == f"--{name}" for a in flags):
            flags += [f"--{name}", str(getattr(machine, name))]
    return f"{start} scripts/train.py {shlex.join(flags)}"


def main() -> None:
    """Reads the flags, joins the team that torchrun started, if it did, and trains."""
    flags = parse(sys.argv[1:])
    if flags.track:
        tracking.library()  # better missing now than after hours
    if flags.push is not None and not flags.dry_run:
        publish.check(flags.push, private=flags.private or None)  # likewise
    device = local_device(resolve_device(flags.hardware.device))
    with team(device) as group:
        if group.rank > 0:
            console.silence()
        try:
            run(flags, group, device)
        except (ValueError, OSError):
            if group.rank > 0:  # the first process says it, once; a process that ended before it would have it killed
                time.sleep(AFTER_THE_FIRST)  # which torchrun cuts short as soon as the first has ended
            raise
