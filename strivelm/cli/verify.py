"""Looks whether a model's snapshots are what they are said to be.

strivelm verify owner/name
strivelm verify owner/name --data shakespeare
strivelm verify runs/mine
"""

import sys
from contextlib import closing
from dataclasses import dataclass

import tyro

from strivelm import verification
from strivelm.cli.training_output import ProgressBar
from strivelm.data.corpus import load_corpus
from strivelm.words import plural


@dataclass(frozen=True)
class Flags:
    """Compute the hash of each snapshot's weights anew, and with --data its validation loss, and compare them with what
    was recorded when it was made (snapshots.json). The exit code is 1 where something is wrong."""

    model: tyro.conf.Positional[str]
    """A run's folder, film, or owner/name on the Hub, whose revisions step-N are fetched."""
    data: tuple[str, ...] = ()
    """The text that it was trained on, as for train; without it no losses are computed."""
    encoding: str | None = None
    """The text's encoding, as for train."""


def line(one: verification.Verified, width: int) -> str:
    """What was found of one snapshot, as a line."""
    sha256 = one.sha256[:12] if one.sha256 else "-" * 12
    loss = "" if one.loss is None else f"  loss {one.loss:.3f}"
    found = "; ".join(one.wrong) or ("as recorded" if one.expected else "whole")
    return f"{one.name:<{width}}  {sha256}{loss}  {found}"


def run(flags: Flags) -> int:
    """Verifies and prints; how many snapshots something is wrong with."""
    corpus = None
    with closing(ProgressBar(silent=False)) as bar:
        if flags.data:
            corpus = load_corpus(flags.data, progress=bar, encoding=flags.encoding)
    with closing(ProgressBar(silent=False, unit=" snapshots")) as bar:
        report = verification.verify(
            flags.model, corpus, progress=lambda done, total, name: bar(done, total, "looking at the snapshots")
        )
    width = max(len(one.name) for one in report.snapshots)
    for one in report.snapshots:
        print(line(one, width))
    if not report.listed:
        print("There is no snapshots.json to compare with: hashes were compared with each other only.")
    count = plural(len(report.snapshots), "snapshot")
    print(f"{report.wrong} of {count} wrong" if report.wrong else f"{count}: nothing wrong was found")
    return report.wrong


def main() -> None:
    """Reads the flags and runs."""
    if run(tyro.cli(Flags, description=__doc__)):
        sys.exit(1)
