"""One training from the command line: text, model, hardware, teachers; the run; what becomes of the model."""

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
from strivelm.cli.stages import Stages
from strivelm.cli.training_flags import Flags
from strivelm.cli.training_output import CtrlC, Reading, Showing, clock, describe, say, some
from strivelm.config import GPTConfig
from strivelm.data.corpus import Corpus, load_corpus
from strivelm.data.ngrams import NGrams, count_ngrams, ladder_of
from strivelm.hub import publish
from strivelm.loading import load_model
from strivelm.training import new_model, train
from strivelm.training.distillation import SoftTargets, check_teachers, digest, soft_targets
from strivelm.training.distributed import ProcessGroup
from strivelm.training.estimate import duration, step_seconds
from strivelm.training.evaluation_plan import SHARE
from strivelm.training.events import Finished, Resumable
from strivelm.training.folder_lock import locked
from strivelm.training.hardware import CHOICES, Hardware, cores, settle
from strivelm.training.loop import check_parts
from strivelm.training.presets import PRESETS
from strivelm.training.resume import ResumeError, check_same, made_with
from strivelm.training.run_folder import Run, check_folder, saved_record, saved_state

LARGE = 20_000_000  # parameters of a model that takes seconds to build


def run(flags: Flags, args: list[str], group: ProcessGroup, device: torch.device, took: Stages) -> None:
    """Trains as the flags say, showing progress, keeping the best model in the folder.

    Args:
        args: the command line that the flags come from.
        took: what the time was spent on so far.
    """
    out, first, state, overwrite = flags.out, group.rank == 0, None, flags.folder.overwrite
    if flags.folder.resume:
        record, state = group.broadcast(_saved(flags) if first else ({}, None))
        if record.get("finished"):
            say(
                f"The run in {out} is finished: there is nothing to resume. A longer one starts anew, in another --out."
            )
            return
        flags, overwrite = flags_to_resume(flags, args, record), True
        if state is None:  # killed before its first state was saved
            say(f"Nothing was saved in {out} yet: starting from the beginning.")
    _check(flags, group)
    if first and not flags.dry_run:
        check_folder(out, overwrite)
    with group.first_before_the_others(), closing(Reading(silent=not first)) as reading:
        corpus = load_corpus(flags.text.data, progress=reading, encoding=flags.text.encoding)
    took.end("text")
    if GPTConfig(vocab_size=1, **vars(flags.sizes)).num_parameters > LARGE:
        say("building the model …")
    model = new_model(corpus, flags.sizes, flags.training.seed, device, flags.training.init)
    if state is not None:
        check_same(state.get("made_with", {}) | {"teachers": ""}, made_with(flags.training, model.config, corpus))
    took.end("model")
    hardware = settled(flags, model, state, group)
    took.end("measuring")
    introduce(model, corpus, flags, hardware, group)
    teachers = opened_teachers(flags, corpus, group, device, state)
    if first:
        say(f"time     {expected_time(model, corpus, flags, hardware, group, state)}")
        took.end("measuring")
    if flags.dry_run:
        if first:
            check_folder(out, overwrite)
        say("Nothing was trained, written or sent: --dry-run.")
        return
    taught = read_by(teachers, corpus, hardware, group)
    took.end("teachers")
    stop = CtrlC(group)
    events = train(model, corpus, flags.training, state, stop, hardware, group, taught)
    with locked(out) if first else nullcontext():
        started = command_line(flags, args, hardware, group)
        keeper = kept(flags, model, corpus, hardware, state, overwrite, started, taught) if first else None
        took.end("n-grams")
        say(f"begins   after {took}")
        with stop:
            event = follow(events, keeper, flags)
    if first:
        conclude(event, flags, group)


def _saved(flags: Flags) -> tuple[dict, dict | None]:
    """The record and the state of the run in the folder. Raises ResumeError where there is none."""
    record = saved_record(flags.out)
    state = saved_state(flags.out) if record is None or not record.get("finished") else None
    if record is None and state is None:
        raise ResumeError(
            f"{flags.out} holds no run that --resume could go on with; leave --resume out to begin one, or name the "
            "run's folder with --out"
        )
    return record or {}, state


def _check(flags: Flags, group: ProcessGroup) -> None:
    """Raises ValueError for what can be seen to go wrong before anything takes time."""
    GPTConfig(vocab_size=1, **vars(flags.sizes))
    check_parts(flags.training, group)
    if flags.sharing.track:
        tracking.library()
    if flags.sharing.push is not None and group.rank == 0:
        private, license = flags.sharing.private or None, flags.folder.license
        publish.check(flags.sharing.push, private=private, license=license)


def introduce(model: GPT, corpus: Corpus, flags: Flags, hardware: Hardware, group: ProcessGroup) -> None:
    """Prints what is about to be trained, on what, with what, where to, and what to beware of."""
    describe(corpus, model, flags.training)
    if flags.text.teachers:
        share = f"their share in what is learnt: {flags.training.distillation:g}"
        say(f"teachers {', '.join(flags.text.teachers)}; {share}")
    say(f"machine  {hardware}" + (f", {group.size} processes" if group.size > 1 else ""))
    say(f"folder   {flags.out}")
    if (push := flags.sharing.push) is not None:
        whom = ", for your eyes only" if flags.sharing.private else ""
        revisions = ", its snapshots as revisions step-N" if flags.training.snapshots else ""
        say(f"push     {push} on the Hub{whom}{revisions}")
    if PRESETS[flags.preset].taught and not flags.text.teachers:
        say("note     this preset counts on --teachers: --preset teacher is the one for learning alone")
    if hardware.compile == "on":
        say("note     the first step waits for torch.compile, which can take a minute")
    for warning in corpus.warnings(model.block_size):
        say(f"note     {warning}")


def expected_time(
    model: GPT, corpus: Corpus, flags: Flags, hardware: Hardware, group: ProcessGroup, state: dict | None
) -> str:
    """How long the run will take, for a person."""
    config, done = flags.training, state["steps"] if state else 0
    if config.minutes is not None and config.max_steps is None:
        budget = 60 * config.minutes
        return f"{clock(budget)}, of it at most {clock(SHARE * budget)} for evaluations and snapshots"
    each = step_seconds(model, corpus, config, hardware, group.size)
    seconds = duration(model, corpus, config, each, done)
    return f"about {clock(seconds)}, {each:.2g} s a step; evaluations and snapshots come to about a tenth"


def settled(flags: Flags, model: GPT, state: dict | None, group: ProcessGroup) -> Hardware:
    """What the run computes with: as flags say, then as the run that goes on did, then as measured now."""
    asked = replace(flags.hardware, device=str(next(model.parameters()).device))
    then = state.get("machine", {}) if state else {}
    if torch.device(then.get("device", "meta")).type == torch.device(asked.device).type:
        open_ones = [name for name in ("threads", *CHOICES) if getattr(asked, name) in (0, "auto")]
        asked = replace(asked, **{name: then[name] for name in open_ones if name in then})
    neighbours = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    limit = min(10.0, 3.0 * (flags.training.minutes or 10))  # a twentieth of the time
    found = settle(asked, model, max(1, cores() // neighbours), limit)
    hardware = replace(group.broadcast(found), device=asked.device)
    torch.set_num_threads(hardware.threads)
    if hardware.device == "cpu" and hardware.threads * neighbours > cores():
        say(f"note     {hardware.threads * neighbours} threads share {some(cores(), 'core')}: fewer would be faster")
    if then and then != asdict(hardware):
        say(f"note     the run was begun with {Hardware(**then)}: from here on its weights will not be those of a run")
        say("         that was never stopped, bit for bit")
    return hardware


def opened_teachers(
    flags: Flags, corpus: Corpus, group: ProcessGroup, device: torch.device, state: dict | None
) -> list[GPT]:
    """The teachers, checked: that they can teach this text, and that they taught the run that goes on."""
    with group.first_before_the_others():  # one process fetches what is on the Hub
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


def read_by(teachers: list[GPT], corpus: Corpus, hardware: Hardware, group: ProcessGroup) -> SoftTargets | None:
    """What the teachers expect of the text, showing how far they are; None without teachers."""
    if not teachers:
        return None
    with closing(Reading(silent=group.rank > 0, unit=" characters")) as reading:
        return soft_targets(
            teachers, corpus, hardware, group, lambda done, total: reading(done, total, "teachers read")
        )


def kept(
    flags: Flags,
    model: GPT,
    corpus: Corpus,
    hardware: Hardware,
    state: dict | None,
    overwrite: bool,
    started: str,
    taught: SoftTargets | None,
) -> Run:
    """The run's folder, with what counting alone reaches in its record, and who taught."""
    if len(corpus.train) > 1_500_000:
        say("counting n-grams …")
    tables, dtype = count_ngrams(corpus.train, len(corpus.tokenizer)), getattr(torch, flags.folder.dtype)
    license = flags.folder.license
    keeper = Run(flags.out, model, corpus, flags.training, started, overwrite, state, hardware, dtype, tables, license)
    keeper.record["ngrams"] = counting(corpus, tables)
    if taught:
        who = zip(flags.text.teachers, taught.teachers, strict=True)
        keeper.record["teachers"] = [{"name": name, "sha256": sha256} for name, sha256 in who]
    if state is not None:
        say(f"resuming at step {state['steps']}")
    return keeper


def counting(corpus: Corpus, tables: NGrams) -> dict[str, float]:
    """What counting alone reaches on the validation text, printed too; {} where there is none."""
    if not len(corpus.validation):
        return {}
    rungs = ladder_of(tables, corpus.train, corpus.validation)
    losses = ", ".join(f"{name} {loss:.3f}" for name, loss in rungs.items())
    say(f"ladder   {losses}: the validation loss of counting alone, nats per character")
    return rungs


def follow(events: Iterator, keeper: Run | None, flags: Flags) -> Finished | Resumable:
    """The last of a training's events, after all of them were kept, shown, and sent to trackio where asked for."""
    if keeper is None:
        *_, event = events
        return event
    tracker = tracking.Tracker(keeper.record, keeper.folder.name) if flags.sharing.track else None
    with tracker or nullcontext(), Showing(keeper.model, flags.sample) as showing:
        for event in events:
            keeper.keep(event)
            if tracker:
                tracker.keep(event)
            showing.show(event)
    return event


def conclude(event: Finished | Resumable, flags: Flags, group: ProcessGroup) -> None:
    """Says what came out and how to go on from it; pushes where that was asked for."""
    out = flags.out
    if not isinstance(event, Finished):
        say(f"Stopped at step {event.step}; {out} holds the best model so far. To go on:")
        say(f"    {_launched(group, command('train', '--resume', '--out', out))}")
        return
    say(event.verdict)
    if event.snapshots_left_out:
        say(f"There was no time for {some(event.snapshots_left_out, 'snapshot')}: more --minutes make room for them.")
    say(f"The model is in {out}. Let it speak: {command('generate', '--model', out)}")
    if flags.sharing.push is not None:
        to_the_hub(flags, flags.sharing.push)


def to_the_hub(flags: Flags, repo: str) -> None:
    """Pushes what was trained; where that fails, the folder is kept and the error says how to go on."""
    out, snapshots = flags.out, flags.training.snapshots > 0
    try:
        address = publish.push(
            out, repo, private=flags.sharing.private or None, snapshots=snapshots, license=flags.folder.license
        )
        say(f"It is on the Hub: {address}")
    except ValueError as error:
        again = command("push", out, repo, *(["--snapshots"] if snapshots else []))
        raise ValueError(f"{error}. The model is safe in {out}: {again}") from error


def command_line(flags: Flags, args: list[str], hardware: Hardware, group: ProcessGroup) -> str:
    """The command that starts this run anew, with what was measured written out: so it computes the same again."""
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
    """A command for one process as one for as many as train now."""
    if group.size == 1:
        return alone
    program = alone.split(" ", 1)[1] if not alone.startswith("strivelm ") else f"-m {alone}"
    return f"torchrun --nproc-per-node={os.environ['LOCAL_WORLD_SIZE']} {program}"
