"""One training from the command line: text, model, hardware, teachers; the run; pushing the model."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict, replace

import torch

from strivelm import GPT
from strivelm.checkpoint import CheckpointError
from strivelm.cli import tracking
from strivelm.cli.commands import command
from strivelm.cli.resumed_flags import flags_of, flags_to_resume
from strivelm.cli.resumed_run import saved
from strivelm.cli.sharing import LivePush, push_all
from strivelm.cli.stages import Stages
from strivelm.cli.training_flags import Flags
from strivelm.cli.training_output import CtrlC, EventPrinter, ProgressBar, clock, describe, say
from strivelm.config import GPTConfig
from strivelm.data.corpus import Corpus, load_corpus
from strivelm.data.ngrams import NGrams, count_ngrams, ladder_of
from strivelm.hub import publish
from strivelm.loading import load_model
from strivelm.training import new_model, train
from strivelm.training.distillation import SoftTargets, check_teachers, digest, soft_targets
from strivelm.training.distributed import ProcessGroup
from strivelm.training.estimate import duration, state_bytes, step_seconds
from strivelm.training.evaluation_plan import SHARE
from strivelm.training.events import Finished, Resumable
from strivelm.training.folder_lock import locked
from strivelm.training.hardware import CHOICES, Hardware, cores, settle
from strivelm.training.loop import check_parts
from strivelm.training.presets import PRESETS
from strivelm.training.resume import check_same, made_with
from strivelm.training.run_folder import Run, check_folder
from strivelm.words import plural

LARGE = 20_000_000  # parameters; building a larger model takes seconds


def run(flags: Flags, args: list[str], group: ProcessGroup, device: torch.device, stages: Stages) -> None:
    """Trains as the flags say, showing progress and saving the best model in the folder.

    Args:
        args: the command line, from which the flags were parsed.
        stages: measures how the time is spent.
    """
    out, first, state, overwrite = flags.out, group.rank == 0, None, flags.folder.overwrite
    if flags.folder.resume:
        record, state = group.broadcast(saved(flags) if first else ({}, None))
        if record.get("finished"):
            say(f"The run in {out} is finished: there is nothing to resume. For a longer run, give another --out.")
            return
        flags, overwrite = flags_to_resume(flags, args, record), True
        if state is None:  # killed before its first state was saved
            say(f"Nothing was saved in {out} yet: starting from the beginning.")
    _check(flags, group)
    if first and not flags.dry_run:
        check_folder(out, overwrite)
    with group.first_before_the_others(), closing(ProgressBar(silent=not first)) as bar:
        corpus = load_corpus(flags.text.data, progress=bar, encoding=flags.text.encoding)
    stages.end("text")
    if GPTConfig(vocab_size=1, **vars(flags.sizes)).num_parameters > LARGE:
        say("building the model …")
    model = new_model(corpus, flags.sizes, flags.training.seed, device, flags.training.init)
    if state is not None:
        check_same(state.get("made_with", {}) | {"teachers": ""}, made_with(flags.training, model.config, corpus))
    stages.end("model")
    hardware = choose_hardware(flags, model, state, group)
    stages.end("measuring")
    print_plan(model, corpus, flags, hardware, group)
    teachers = open_teachers(flags, corpus, group, device, state)
    if first:
        say(f"time     {expected_time(model, corpus, flags, hardware, group, state)}")
        stages.end("measuring")
    if flags.dry_run:
        if first:
            check_folder(out, overwrite)
        say("Nothing was trained, written or sent: --dry-run.")
        return
    targets = teacher_targets(teachers, corpus, hardware, group)
    stages.end("teachers")
    stop = CtrlC(group)
    events = train(model, corpus, flags.training, state, stop, hardware, group, targets)
    with locked(out) if first else nullcontext():
        started = command_line(flags, args, hardware, group)
        run_folder = open_run(flags, model, corpus, hardware, state, overwrite, started, targets) if first else None
        stages.end("n-grams")
        say(f"begins   after {stages}")
        with stop:
            event = follow(events, run_folder, flags)
    if first:
        conclude(event, flags, group)


def _check(flags: Flags, group: ProcessGroup) -> None:
    """Raises ValueError for errors that can be found before anything takes time."""
    GPTConfig(vocab_size=1, **vars(flags.sizes))
    check_parts(flags.training, group)
    if flags.sharing.track:
        tracking.library()
    if flags.sharing.push is not None and group.rank == 0:
        private, license = flags.sharing.private or None, flags.folder.license
        publish.check(flags.sharing.push, private=private, license=license)


def print_plan(model: GPT, corpus: Corpus, flags: Flags, hardware: Hardware, group: ProcessGroup) -> None:
    """Prints the settings of the training: text, model, hardware, folders, and warnings."""
    describe(corpus, model, flags.training)
    if flags.text.teachers:
        share = f"the weight of their soft targets: {flags.training.distillation:g}"
        say(f"teachers {', '.join(flags.text.teachers)}; {share}")
    say(f"machine  {hardware}" + (f", {group.size} processes" if group.size > 1 else ""))
    say(f"folder   {flags.out}")
    if (push := flags.sharing.push) is not None:
        whom = ", private" if flags.sharing.private else ""
        revisions = "its snapshots as revisions step-N when they are made, " if flags.training.snapshots else ""
        say(f"push     {push} on the Hub{whom}: {revisions}the model at the end;")
        size = state_bytes(model, flags.training) / 1e6
        say(f"         with each snapshot, and when the run is stopped, its state to resume from (up to {size:.1f} MB)")
    if PRESETS[flags.preset].taught and not flags.text.teachers:
        say("note     this preset is meant for --teachers; without them, use --preset teacher")
    if hardware.compile == "on":
        say("note     the first step waits for torch.compile, which can take a minute")
    for warning in corpus.warnings(model.block_size):
        say(f"note     {warning}")


def expected_time(
    model: GPT, corpus: Corpus, flags: Flags, hardware: Hardware, group: ProcessGroup, state: dict | None
) -> str:
    """How long the run will take, in words."""
    config, done = flags.training, state["steps"] if state else 0
    if config.minutes is not None and config.max_steps is None:
        budget = 60 * config.minutes
        return f"{clock(budget)}, of it at most {clock(SHARE * budget)} for evaluations and snapshots"
    each = step_seconds(model, corpus, config, hardware, group.size)
    seconds = duration(model, corpus, config, each, done)
    return f"about {clock(seconds)}, {each:.2g} s a step; evaluations and snapshots take about a tenth of it"


def choose_hardware(flags: Flags, model: GPT, state: dict | None, group: ProcessGroup) -> Hardware:
    """The hardware settings: from the flags, else from the resumed run, else measured."""
    asked = replace(flags.hardware, device=str(next(model.parameters()).device))
    then = state.get("machine", {}) if state else {}
    if torch.device(then.get("device", "meta")).type == torch.device(asked.device).type:
        automatic = [name for name in ("threads", *CHOICES) if getattr(asked, name) in (0, "auto")]
        asked = replace(asked, **{name: then[name] for name in automatic if name in then})
    local_processes = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    limit = min(10.0, 3.0 * (flags.training.minutes or 10))  # a twentieth of the run's time, in seconds
    found = settle(asked, model, max(1, cores() // local_processes), limit)
    hardware = replace(group.broadcast(found), device=asked.device)
    torch.set_num_threads(hardware.threads)
    if hardware.device == "cpu" and hardware.threads * local_processes > cores():
        say(f"note     {hardware.threads * local_processes} threads for {plural(cores(), 'core')}: fewer are faster")
    if then and then != asdict(hardware):
        say(f"note     the run was started with {Hardware(**then)}: its weights will not be exactly those of a")
        say("         run that was never stopped")
    return hardware


def open_teachers(
    flags: Flags, corpus: Corpus, group: ProcessGroup, device: torch.device, state: dict | None
) -> list[GPT]:
    """The teachers, after checks that they fit the text, and that they are those of the resumed run."""
    with group.first_before_the_others():  # one process downloads from the Hub
        teachers = []
        for name in flags.text.teachers:
            try:
                teachers.append(load_model(name, device))
            except CheckpointError as error:
                raise CheckpointError(f"the teacher {name} can't be opened: {error}") from error
    if teachers:
        check_teachers(teachers, corpus)
    if state is not None:
        then, now = state.get("made_with", {}).get("teachers", ""), ", ".join(map(digest, teachers))
        check_same({"teachers": then}, {"teachers": now})
    return teachers


def teacher_targets(teachers: list[GPT], corpus: Corpus, hardware: Hardware, group: ProcessGroup) -> SoftTargets | None:
    """The teachers' soft targets for the text, with a progress bar; None without teachers."""
    if not teachers:
        return None
    with closing(ProgressBar(silent=group.rank > 0, unit=" characters")) as bar:
        return soft_targets(teachers, corpus, hardware, group, lambda done, total: bar(done, total, "teachers read"))


def open_run(
    flags: Flags,
    model: GPT,
    corpus: Corpus,
    hardware: Hardware,
    state: dict | None,
    overwrite: bool,
    started: str,
    targets: SoftTargets | None,
) -> Run:
    """The run's folder; its record gets the losses of n-gram tables, and the teachers."""
    if len(corpus.train) > 1_500_000:
        say("counting n-grams …")
    tables, dtype = count_ngrams(corpus.train, len(corpus.tokenizer)), getattr(torch, flags.folder.dtype)
    license = flags.folder.license
    run_folder = Run(
        flags.out, model, corpus, flags.training, started, overwrite, state, hardware, dtype, tables, license
    )
    run_folder.record["ngrams"] = counting(corpus, tables)
    if targets:
        who = zip(flags.text.teachers, targets.teachers, strict=True)
        run_folder.record["teachers"] = [{"name": name, "sha256": sha256} for name, sha256 in who]
    if state is not None:
        say(f"resuming at step {state['steps']}")
    return run_folder


def counting(corpus: Corpus, tables: NGrams) -> dict[str, float]:
    """The losses of n-gram tables on the validation text, which are also printed; {} if there is none."""
    if not len(corpus.validation):
        return {}
    rungs = ladder_of(tables, corpus.train, corpus.validation)
    losses = ", ".join(f"{name} {loss:.3f}" for name, loss in rungs.items())
    say(f"ladder   {losses}: validation losses of n-gram tables, nats per character")
    return rungs


def follow(events: Iterator, run_folder: Run | None, flags: Flags) -> Finished | Resumable:
    """The last event of a training, after all were saved, shown, and sent to trackio if --track is given."""
    if run_folder is None:
        *_, event = events
        return event
    tracker = tracking.Tracker(run_folder.record, run_folder.folder.name) if flags.sharing.track else None
    live = LivePush(flags, run_folder.folder) if flags.sharing.push else None
    last = None
    try:
        with tracker or nullcontext(), EventPrinter(run_folder.model, flags.sample) as showing:
            for event in events:
                run_folder.keep(event)
                for reader in (tracker, live):
                    if reader:
                        reader.keep(event)
                showing.show(event)
        last = event
    finally:
        if live:
            live.close(last)
    return event


def conclude(event: Finished | Resumable, flags: Flags, group: ProcessGroup) -> None:
    """Prints the result and what to do next; pushes the model if --push is given."""
    out = flags.out
    if not isinstance(event, Finished):
        say(f"Stopped at step {event.step}; {out} holds the best model so far. To resume:")
        if repo := flags.sharing.push:
            say(f"    {_launched(group, command('train', '--resume', repo))}    # on another machine")
        say(f"    {_launched(group, command('train', '--resume', '--out', out))}")
        return
    say(event.verdict)
    if event.snapshots_left_out:
        say(f"There was no time for {plural(event.snapshots_left_out, 'snapshot')}: allow more --minutes.")
    say(f"The model is in {out}. To generate text: {command('generate', '--model', out)}")
    if flags.sharing.push is not None:
        push_all(flags, flags.sharing.push)


def command_line(flags: Flags, args: list[str], hardware: Hardware, group: ProcessGroup) -> str:
    """The command that repeats this run, with the measured settings written out, so that it computes the same."""
    if flags.folder.resume:
        args = flags_of(args)
    for name in ("threads", "precision") if hardware.device == "cpu" else ():
        if not any(a.split("=")[0] == f"--{name}" for a in args):
            args = [*args, f"--{name}", str(getattr(hardware, name))]
    script = sys.argv[0].endswith(".py")
    start = "python scripts/train.py" if script else "strivelm train"
    if group.size > 1:
        program = "scripts/train.py" if script else "-m strivelm train"
        start = f"torchrun --nproc-per-node={os.environ['LOCAL_WORLD_SIZE']} {program}"
    return f"{start} {shlex.join(args)}"


def _launched(group: ProcessGroup, alone: str) -> str:
    """The command, under torchrun if several processes train."""
    if group.size == 1:
        return alone
    program = alone.split(" ", 1)[1] if not alone.startswith("strivelm ") else f"-m {alone}"
    return f"torchrun --nproc-per-node={os.environ['LOCAL_WORLD_SIZE']} {program}"
