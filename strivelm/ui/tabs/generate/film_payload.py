"""What the strip under the text asks: what every step of a training writes, by one prompt and one stream of numbers."""

from collections.abc import Iterator
from dataclasses import replace

from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core.models import name_of
from strivelm.ui.core.questions import question
from strivelm.ui.tabs.generate.asked import Asked
from strivelm.ui.tabs.generate.payload import IN_ALL, write


@question("generate.film", seconds=IN_ALL, gpu_seconds=limits.SECONDS, lane="writing")
def film(
    opened: list[OpenModel],
    prompt: str,
    asked: Asked,
) -> Iterator[dict]:
    """Yields each model's text, whole: what "generate.write" would give one after the other, with one seed for all.

    Yields:
        ref (the model's), head (the first piece of "generate.write"), characters, seconds, ended.

    Raises ValueError, a sentence, for what can't be done.
    """
    config = asked.config(limits.TOGETHER)
    asked = replace(asked, count=config.max_new_tokens, seed=config.seed)
    for one in opened:
        head, *grown = write(one, prompt, asked)
        characters = [character for piece in grown for character in piece["characters"]]
        last = {name: grown[-1][name] for name in ("seconds", "ended")}
        yield {"ref": name_of(one.ref), "head": head, "characters": characters, **last}
