"""The flags of a training, whose defaults come from a preset."""

import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from strivelm.cli import commands
from strivelm.config import Sizes
from strivelm.training.config import Hardware, TrainConfig
from strivelm.training.presets import PRESETS

DESCRIPTION = """Train a character-level GPT on a text and write a model folder. The preset gives the defaults.

examples:
    {train}
    {train} --data shakespeare --out runs/bard
    {train} --data my-book.txt --minutes 10
    {train} --data chapter-1.txt chapter-2.txt --snapshots 12
    {train} --preset medium --data shakespeare --dry-run
    {train} --resume --out runs/bard
    {train} --resume owner/name
"""
if TYPE_CHECKING:
    Preset = str
else:
    Preset = Literal[tuple(PRESETS)]  # so that tyro lists the names and refuses others
LICENSE_CHARACTERS = set("abcdefghijklmnopqrstuvwxyz0123456789.-+")


@dataclass(frozen=True)
class TextFlags:
    """The text to train on."""

    data: tuple[str, ...] = ("bundled",)
    """bundled, shakespeare, files, folders of .txt files, http(s) addresses, or hf://datasets/owner/name/file.txt;
    several are joined into one text. gzip, UTF-16 and ZIP archives of one file are read as they are."""
    encoding: str | None = None
    """The text's encoding, for example latin-1 or cp1251; None recognises UTF-8, UTF-16 and UTF-32."""
    teachers: tuple[str, ...] = ()
    """Models (bundled, folders or Hub names) whose predictions the new model learns as soft targets, beside the text;
    see --distillation."""


@dataclass(frozen=True)
class FolderFlags:
    """What is saved of the run."""

    out: Path | None = None
    """The model folder to write; runs/PRESET-DATA if not given."""
    resume: bool = False
    """Resume the run in the folder, with its flags; --resume owner/name one that is on the Hub, unfinished, pushed by
    --push. Its folder is then runs/NAME, unless --out says otherwise."""
    source: tyro.conf.Suppress[str | None] = None
    """The Hub repo that --resume names."""
    overwrite: bool = False
    """Replace the model or run that the folder already holds."""
    dtype: Literal["float32", "float16"] = "float32"
    """How weights are stored; float16 halves the files without a measurable loss."""
    license: str | None = None
    """The license for the model's card, for example cc0-1.0 or mit, which depends on the text. None names none,
    except for the bundled texts."""


@dataclass(frozen=True)
class SharingFlags:
    """Tracking and publishing."""

    track: bool = False
    """Send the losses to trackio as well (pip install trackio)."""
    push: str | None = None
    """The Hub repo, owner/name, to which the model is pushed at the end, and on the way, in the background, each
    snapshot as the revision step-N when it is made and what --resume owner/name needs (see --snapshots)."""
    private: bool = False
    """Make the pushed repo private."""


@dataclass(frozen=True)
class Flags:
    """Train a character-level GPT."""

    text: Annotated[TextFlags, tyro.conf.OmitArgPrefixes]
    folder: Annotated[FolderFlags, tyro.conf.OmitArgPrefixes]
    sizes: Annotated[Sizes, tyro.conf.OmitArgPrefixes]
    training: Annotated[TrainConfig, tyro.conf.OmitArgPrefixes]
    hardware: Annotated[Hardware, tyro.conf.OmitArgPrefixes]
    sharing: Annotated[SharingFlags, tyro.conf.OmitArgPrefixes]
    preset: Preset = "small"
    """A set of sizes and training settings; give it before --help to see its values."""
    dry_run: bool = False
    """Train, write and send nothing: check everything, measure, and print how long the run would take."""
    sample: int = 200
    """How many characters of generated text to show after each evaluation."""

    def __post_init__(self):
        if self.sample < 0:
            raise ValueError(f"sample is {self.sample}; expected a whole number, at least 0")
        if self.folder.out is not None and self.folder.out == Path():
            raise ValueError("out is the current folder; expected a folder of the run's own, for example runs/mine")
        if (name := self.folder.license) is not None and (not name or set(name) - LICENSE_CHARACTERS):
            raise ValueError(
                f"license is {name!r}; expected an identifier of the Hub, for example mit, cc0-1.0, cc-by-4.0"
            )

    @property
    def out(self) -> Path:
        """The run's folder, given or named after the repo that it comes from, or after preset and text."""
        if self.folder.source:
            return self.folder.out or Path("runs") / self.folder.source.split("/")[-1]
        return self.folder.out or Path("runs") / f"{self.preset}-{Path(self.text.data[0].rstrip('/')).stem}"


def source_of(args: list[str]) -> tuple[list[str], str | None]:
    """The arguments with --resume alone in place of --resume owner/name, and that name; None where it has none."""
    rest, source = [], None
    for word, before in zip(args, ["", *args], strict=False):
        if before == "--resume" and not word.startswith("-"):
            source = word
        elif word.startswith("--resume="):
            rest, source = [*rest, "--resume"], word.removeprefix("--resume=")
        else:
            rest.append(word)
    return rest, source


def parse(args: list[str], resumed: Flags | None = None) -> Flags:
    """The flags; their defaults are those of the preset that the command line names, or the flags of a resumed run."""
    args, source = source_of(args)
    named = [b for a, b in itertools.pairwise(args) if a == "--preset"]
    named += [a.removeprefix("--preset=") for a in args if a.startswith("--preset=")]
    preset = named[-1] if named and named[-1] in PRESETS else "small"
    training = PRESETS[preset].training
    if any(a.split("=")[0] == "--minutes" for a in args):  # then only they limit the run, unless steps are given too
        training = replace(training, max_steps=None, minutes=1.0)
    parts = TextFlags(), FolderFlags(), PRESETS[preset].sizes, training, Hardware(), SharingFlags()
    presets = "\n".join(f"    {name}: {a_preset.purpose}" for name, a_preset in PRESETS.items())
    description = f"{DESCRIPTION.format(train=commands.command('train'))}\npresets:\n{presets}"
    flags = tyro.cli(
        Flags,
        default=resumed or Flags(*parts, preset),
        args=args,
        description=description,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    if source is None:
        return flags
    if not os.path.isdir(source):
        return replace(flags, folder=replace(flags.folder, source=source))
    if any(a.split("=")[0] == "--out" for a in args):  # a folder of that name comes first, as where models are opened
        raise ValueError(f"--resume names the folder {source}, --out the folder {flags.folder.out}; name one of them")
    return replace(flags, folder=replace(flags.folder, out=Path(source)))
