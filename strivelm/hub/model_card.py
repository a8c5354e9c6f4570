"""The model card's metadata, and how a card on the Hub is updated.

What the Hub reads of it: https://huggingface.co/docs/hub/model-cards.
"""

import hashlib
import re
from typing import cast

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from strivelm.data.sources import SHAKESPEARE_SHA256
from strivelm.manifest import Manifest

MARK = "strivelm_card"
"""The metadata key for the `_digest` of the text that was pushed: if the digest differs, a person edited the card."""
METRIC = "validation loss, nats per character"
_TABLE = re.compile(rf"^\|[^\n]*{METRIC}[^\n]*\|\r?\n(?:\|[^\n]*\|(?:\r?\n|$))*", re.MULTILINE)
_YOUTH = "| revision | validation loss, nats | sha256 of model.safetensors |"
_SNAPSHOTS = re.compile(rf"^{re.escape(_YOUTH)}\r?\n(?:\|[^\n]*\|(?:\r?\n|$))*", re.MULTILINE)
_END = re.compile(r"^## Limits$", re.MULTILINE)
_DECIDED = ("library_name", "pipeline_tag", "datasets")  # what a run decides; a person may change everything else


def describe(data: ModelCardData, corpus: dict | None, best: dict | None) -> None:
    """Adds to a card's metadata what a run's record says: the dataset, if the Hub has it, and the validation loss."""
    corpus = corpus or {}
    dataset = _dataset(corpus)
    if dataset is not None:
        data.datasets = [dataset]
    if best and best["validation"] is not None:
        result = EvalResult(
            task_type="text-generation",
            dataset_type=dataset or "text",
            dataset_name=str(corpus.get("name") or "unnamed"),
            dataset_split="validation",
            metric_type="loss",
            metric_name=METRIC,
            metric_value=round(best["validation"], 4),
        )
        data.model_name, data.eval_results = data.library_name, [result]


def literal(text: str) -> str:
    """A text as Python writes it, in double quotes where it holds none."""
    plain = text.isprintable() and not set(text) & {'"', "\\"}
    return f'"{text}"' if plain else repr(text)


def _dataset(corpus: dict) -> str | None:
    """The Hub's name of a corpus, where it came from the Hub or is known to be there."""
    if corpus.get("sha256") == SHAKESPEARE_SHA256:
        return "karpathy/tiny_shakespeare"
    found = re.match(r"hf://datasets/([\w.-]+/[\w.-]+)(?=[@/])", str(corpus.get("name")))
    return found and found[1]


def snapshots_section(listed: Manifest, repo: str) -> str:
    """The part of a card that says what the snapshots are."""
    rows = [
        f"| {name} | {'?' if one.validation is None else f'{one.validation:.3f}'} | `{one.sha256}` |"
        for name, one in listed.snapshots.items()
    ]
    sampled = any(one.characters is not None for one in listed.snapshots.values())
    words = " Losses on the way were measured on a sample of the validation text." if sampled else ""
    return (
        f"## Snapshots\n\nWhat it was on the way, each a revision of this repo.{words} "
        f"`strivelm verify {repo}` computes this table anew.\n\n" + "\n".join([_YOUTH, "|---|---|---|", *rows]) + "\n\n"
    )


def prepared(
    ours: str,
    theirs: str | None,
    repo: str,
    revision: str,
    license: str | None = None,
    listed: Manifest | None = None,
) -> str:
    """The card to push: ours with its address on the Hub, or, if a person edited the card there, theirs, updated.

    A person's text is kept, and so is the metadata that the run does not decide. What is replaced is the metadata that
    the run decides, and the tables of losses and of snapshots, if there still are such.

    Args:
        ours: the README of the folder.
        theirs: the README on the Hub; None if there is none.
        license: the license to set; None leaves it as it is.
        listed: the repo's snapshots, for a table; None or an empty one makes none.

    Raises:
        ValueError: one of them has metadata that can't be read.
    """
    card, place = _parsed(ours, "the folder's"), "" if revision == "main" else f', revision="{revision}"'
    text = card.text.replace('from_pretrained("owner/name"', f'from_pretrained("{repo}"{place}')
    text = text.replace('"owner/name"', f'"{repo}"')
    if listed is not None and listed.snapshots:
        part, ends = snapshots_section(listed, repo), [found.start() for found in _END.finditer(text)]
        text = f"{text[: ends[-1]]}{part}{text[ends[-1] :]}" if ends else f"{text.rstrip()}\n\n{part.rstrip()}\n"
    metadata = cast(ModelCardData, card.data)
    metadata.model_name = repo.split("/")[1]
    there = None if theirs is None else _parsed(theirs, f"{repo}'s")
    data = metadata if there is None else _merged(metadata, cast(ModelCardData, there.data))
    if license is not None:
        data.license = license
    if there is not None and there.text.strip() and there.data.get(MARK) != _digest(there.text):
        text = _with_table(_SNAPSHOTS, _with_table(_TABLE, there.text, text), text)
        data.pop(MARK)
    else:
        data[MARK] = _digest(text)
    card.data, card.text = data, text
    return str(card)


def _parsed(text: str, whose: str) -> ModelCard:
    try:
        return ModelCard(text, ignore_metadata_errors=True)
    except (ValueError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise ValueError(f"the metadata at the top of {whose} README.md can't be read ({words}); correct it") from None


def _merged(ours: ModelCardData, theirs: ModelCardData) -> ModelCardData:
    """Their metadata, with what the run decides from ours."""
    for key, value in ours.__dict__.items():
        if value is not None and (key in _DECIDED or theirs.get(key) is None):
            theirs[key] = value
    theirs.tags = _once([*(theirs.tags or []), *(ours.tags or [])]) or None
    others = [result for result in theirs.eval_results or [] if result.metric_name != METRIC]
    theirs.model_name, theirs.eval_results = ours.model_name, [*(ours.eval_results or []), *others] or None
    return theirs


def _once(tags: list[str]) -> list[str]:
    return sorted(set(tags), key=tags.index)


def _with_table(pattern: re.Pattern, theirs: str, ours: str) -> str:
    """Their text with our table of a pattern in place of theirs, if both have one."""
    table = pattern.search(ours)
    if table is None:
        return theirs
    lines = table[0].rstrip("\n").split("\n")

    def replaced(found: re.Match) -> str:
        end = "\r\n" if "\r\n" in found[0] else "\n"
        return end.join(lines) + (end if found[0].endswith("\n") else "")

    return pattern.sub(replaced, theirs, count=1)


def _digest(text: str) -> str:
    """A checksum of a text that ignores line ends and trailing blanks, which editors change."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]
