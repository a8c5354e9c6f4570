"""Two models that write side by side: one prompt, one stream of random numbers, each text also as the other expects it.

The view is that of texts side by side (`columns`), as a section of its own above the others.
"""

from collections.abc import Iterator

import gradio as gr

from strivelm import inspection
from strivelm.generation import SamplingConfig
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.components.beside.beside import CLASS
from strivelm.ui.core.models import names_of
from strivelm.ui.core.page import Page
from strivelm.ui.core.python_lines import of_two_models
from strivelm.ui.core.questions import question
from strivelm.ui.core.reading import start_from
from strivelm.ui.tabs.generate import columns
from strivelm.ui.tabs.generate.asked import Asked
from strivelm.ui.tabs.generate.columns_payload import Column, bound, config_line, grown, head, settings_of
from strivelm.ui.tabs.generate.pace import written_by

SECTION = "both"
"""The section's name in the columns' script."""


def build(page: Page, prompt: gr.Textbox) -> None:
    """Adds the section to the page that is being built; it is there while a second model is open."""
    columns.component(SECTION, elem_classes=[CLASS])
    page.run(SECTION, [prompt.submit])


@question("generate.beside", seconds=limits.SECONDS + 5, gpu_seconds=limits.SECONDS, lane="writing")
def beside(
    opened: OpenModel,
    beside: OpenModel,
    prompt: str,
    asked: Asked,
) -> Iterator[dict]:
    """Yields what is new while two models go on from one prompt; see `grown`.

    The last piece has `others`: of each text the surprisals of its characters by the model that did not write it, in
    nats, None for those that it does not know.

    Raises ValueError, a sentence, for what can't be done.
    """
    config = asked.config(limits.TOGETHER)
    both, names = (opened, beside), names_of(opened, beside)
    prompt = limits.checked_prompt(prompt)
    starts = [start_from(one.model, prompt) for one in both]
    notes = [*starts[0].notes]
    notes += [f"{names[1]}: {note}" for note in starts[1].notes if note not in notes]
    if opened.model.tokenizer.chars != beside.model.tokenizer.chars:
        notes.append(
            "Their vocabularies differ: one random number may fall on other characters even where both expect the same."
        )
    notes += bound(asked.count)
    python = python_of_both(opened, beside, starts[0].text, config)
    about = [Column(name, settings_of(config), where=f"for {name}") for name in names]
    known = head(opened, starts[0].text, config.seed, python, notes, about)
    yield known | {"model": " beside ".join(names), "loss": None, "both": True}
    texts = ["", ""]
    rows = written_by([one.model for one in both], [start.ids for start in starts], config)
    for piece in grown(both, rows, config):
        texts = [text + column["text"] for text, column in zip(texts, piece["columns"], strict=True)]
        if "ended" in piece:
            read = zip((beside, opened), (starts[1].text, starts[0].text), texts, strict=True)
            piece["others"] = [surprisals(*one) for one in read]
        yield piece


def surprisals(by: OpenModel, prompt: str, text: str) -> list[float | None]:
    """How much each character of a text after a prompt surprises a model; None for those that it does not know."""
    known = [char in by.model.tokenizer for char in text]
    read = prompt + "".join(char for char, is_known in zip(text, known, strict=True) if is_known)
    if len(read) < 2:
        return [None] * len(text)
    nats = iter(inspection.surprisal(by.model, read).model[len(prompt) :].tolist())
    return [round(next(nats), 4) if is_known else None for is_known in known]


def python_of_both(opened: OpenModel, beside: OpenModel, prompt: str, config: SamplingConfig) -> str:
    """The lines that write the same texts, and say how much each surprises the other model."""
    lines = [
        f"prompt, config = {prompt!r}, {config_line(config)}",
        'texts = ["", ""]',
        "for i, one in enumerate((model, beside)):",
        "    start = one.tokenizer.encode_leniently(prompt).ids or one.tokenizer.encode(one.tokenizer.start)",
        "    for step in generate(one, start, config):",
        "        texts[i] += one.tokenizer.chars[step.id]",
        'print(*texts, sep="\\n---\\n")',
        "for one, text in ((beside, texts[0]), (model, texts[1])):  # each by the model that did not write it",
        "    start, known = (one.tokenizer.encode_leniently(part).text for part in (prompt, text))",
        "    start = start or one.tokenizer.start",
        "    print(surprisal(one, start + known).model[len(start) :].mean().item())",
    ]
    imports = (
        "from strivelm.generation import SamplingConfig, generate",
        "from strivelm.inspection import surprisal",
    )
    return of_two_models(opened, beside, imports, lines)
