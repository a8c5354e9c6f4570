"""The flags of a resumed run: those that it was started with, from its record, overridden by the given ones."""

import contextlib
import io
import shlex
from dataclasses import fields, replace
from typing import TypeVar

from strivelm.cli.training_flags import Flags, parse, source_of
from strivelm.config import Sizes
from strivelm.training.config import TrainConfig
from strivelm.training.resume import ResumeError, check_same

Settings = TypeVar("Settings", Sizes, TrainConfig)


def flags_to_resume(flags: Flags, args: list[str], record: dict) -> Flags:
    """The flags of the resumed run.

    Args:
        flags, args: the given flags.
        record: the run's training.json.

    Raises:
        ResumeError: given flags contradict the run; the message names each.
    """
    then = _flags_then(record)
    now = parse([a for a in args if a != "--dry-run"], then)
    check_same(_settings(then), _settings(now))
    return replace(now, folder=replace(now.folder, out=flags.out, resume=True), dry_run=flags.dry_run)


def flags_of(args: list[str]) -> list[str]:
    """The arguments without --resume and what it names."""
    return [a for a in source_of(args)[0] if a != "--resume"]


def _flags_then(record: dict) -> Flags:
    """The flags that a run was started with: from its command, but sizes and training from its record."""
    words = shlex.split(str(record.get("command", "")))
    start = next((i for i, word in enumerate(words) if word.endswith("train.py") or word == "train"), len(words))
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            flags = parse(words[start + 1 :])
    except (SystemExit, ValueError):  # a flag that no longer exists
        flags = parse([])
    return replace(
        flags,
        sizes=_with(flags.sizes, record.get("sizes")),
        training=_with(flags.training, record.get("training")),
    )


def _with(settings: Settings, recorded: object) -> Settings:
    """The settings in a record; those that older versions did not have keep their default."""
    if not isinstance(recorded, dict):
        return settings
    known = {field.name: recorded[field.name] for field in fields(settings) if field.name in recorded}
    try:
        return type(settings)(**known)
    except (TypeError, ValueError) as error:
        raise ResumeError(f"the run's training.json is damaged: {error}") from error


def _settings(flags: Flags) -> dict:
    return {"preset": flags.preset} | vars(flags.sizes) | vars(flags.training)
