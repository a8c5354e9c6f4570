"""The flags of a training, and the presets that they get their defaults from."""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from strivelm.cli import commands
from strivelm.config import Sizes
from strivelm.training.config import Hardware, TrainConfig
from strivelm.training.presets import PRESETS

DESCRIPTION = """Train a character-level GPT on a text and keep it in a folder. What no flag says comes from the preset.

examples:
    {train}
    {train} --data shakespeare --out runs/bard
    {train} --data my-book.txt --minutes 10
    {train} --data chapter-1.txt chapter-2.txt --snapshots 12
    {train} --preset medium --data shakespeare --dry-run
    {train} --resume --out runs/bard
"""
if TYPE_CHECKING:
    Preset = str
else:
    Preset = Literal[tuple(PRESETS)]  # so that tyro lists the names and refuses others
LICENSE_CHARACTERS = set("abcdefghijklmnopqrstuvwxyz0123456789.-+")


@dataclass(frozen=True)
class TextFlags:
    """What is learnt."""

    data: tuple[str, ...] = ("bundled",)
    """bundled, shakespeare, files, folders of .txt files, http(s) addresses, or hf://datasets/owner/name/file.txt; of
    several one text is made. gzip, UTF-16 and ZIP archives of one file are read as they are."""
    encoding: str | None = None
    """What the text is written in, for example latin-1 or cp1251; None recognises UTF-8, UTF-16 and UTF-32."""
    teachers: tuple[str, ...] = ()
    """Models (bundled, folders or Hub names) whose expectations of the text are learnt beside it; see
    --distillation."""


@dataclass(frozen=True)
class FolderFlags:
    """What is kept of the run."""

    out: Path | None = None
    """The folder that becomes the model; runs/PRESET-DATA if not given."""
    resume: bool = False
    """Go on with the run that the folder holds; its flags are taken from there."""
    overwrite: bool = False
    """Replace a model or a run that the folder already holds."""
    dtype: Literal["float32", "float16"] = "float32"
    """How weights are stored; float16 halves the files and costs no loss that can be measured."""
    license: str | None = None
    """The license that the model's card names, for example cc0-1.0 or mit: that depends on the text. None names none,
    but for the texts that come along."""


@dataclass(frozen=True)
class SharingFlags:
    """Where else it goes."""

    track: bool = False
    """Send the losses to trackio as well (pip install trackio)."""
    push: str | None = None
    """Where on the Hub the model goes at the end, as owner/name, its snapshots as revisions step-N."""
    private: bool = False
    """Keep strangers out of what is pushed."""


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
    """Sizes and training that go together; this help shows the values of the preset that stands before --help."""
    dry_run: bool = False
    """Do all that the run would do but training, writing and sending: check, measure, and say how long it will take."""
    sample: int = 200
    """How many characters to show after each evaluation."""

    def __post_init__(self):
        if self.sample < 0:
            raise ValueError(f"sample is {self.sample}; expected a whole number, at least 0")
        if self.folder.out is not None and self.folder.out == Path():
            raise ValueError("out is the current folder; expected a folder of the run's own, for example runs/mine")
        if (name := self.folder.license) is not None and (not name or set(name) - LICENSE_CHARACTERS):
            raise ValueError(
                f"license is {name!r}; expected an identifier as the Hub has it, for example mit, cc0-1.0, cc-by-4.0"
            )

    @property
    def out(self) -> Path:
        """The run's folder, given or named after preset and text."""
        return self.folder.out or Path("runs") / f"{self.preset}-{Path(self.text.data[0].rstrip('/')).stem}"


def parse(args: list[str], then: Flags | None = None) -> Flags:
    """The flags, their defaults taken from the preset that the command line names, or from the flags of a run."""
    named = [b for a, b in itertools.pairwise(args) if a == "--preset"]
    named += [a.removeprefix("--preset=") for a in args if a.startswith("--preset=")]
    preset = named[-1] if named and named[-1] in PRESETS else "small"
    training = PRESETS[preset].training
    if any(a.split("=")[0] == "--minutes" for a in args):  # then they alone decide, unless steps are asked for as well
        training = replace(training, max_steps=None, minutes=1.0)
    parts = TextFlags(), FolderFlags(), PRESETS[preset].sizes, training, Hardware(), SharingFlags()
    named_ones = "\n".join(f"    {name}: {a_preset.purpose}" for name, a_preset in PRESETS.items())
    description = f"{DESCRIPTION.format(train=commands.command('train'))}\npresets:\n{named_ones}"
    return tyro.cli(
        Flags,
        default=then or Flags(*parts, preset),
        args=args,
        description=description,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
