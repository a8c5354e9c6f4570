"""The public endpoints: typed, plain JSON, the same functions that the tabs use. Each names its model last.

Each docstring is what a program, or a language model that was given the page as a tool, reads of its endpoint.
"""

from collections.abc import Callable

import gradio as gr

from strivelm.generation import DEFAULTS
from strivelm.ui import limits
from strivelm.ui.api import answers
from strivelm.ui.core.gpu import Work
from strivelm.ui.core.models import Models
from strivelm.ui.tabs.generate.payload import continued


def offer(work: Work, models: Models) -> None:
    """Adds the endpoints to the page that is being built."""
    for endpoint in _endpoints(work, models):
        many = {"concurrency_id": "writing"} if endpoint.__name__ == "generate" else {"concurrency_id": "looking"}
        gr.api(
            endpoint,
            api_name=endpoint.__name__,
            api_description=endpoint.__doc__,
            concurrency_limit=limits.CONCURRENT,
            **many,
        )


def _endpoints(work: Work, models: Models) -> list[Callable]:
    write = work(continued, lambda ref, prompt, characters, *settings: limits.seconds_to_write(characters))
    next_, score_, attention_ = work(answers.next_characters), work(answers.score), work(answers.attention)
    heads_, lens_, ablate_ = work(answers.heads), work(answers.logit_lens), work(answers.ablate)
    neighbours_, map_ = work(answers.neighbours), work(answers.embedding_map)

    def model_info(model: str = "bundled") -> dict:
        """What a model is: sizes, vocabulary, corpus, validation loss in nats per character, what counting reaches."""
        return _said(lambda: answers.model_info(models.get(model)))  # no work for a GPU

    def generate(
        prompt: str,
        max_new_tokens: int = DEFAULTS.max_new_tokens,
        temperature: float = DEFAULTS.temperature,
        top_k: int = DEFAULTS.top_k,
        top_p: float = DEFAULTS.top_p,
        seed: int | None = DEFAULTS.seed,
        model: str = "bundled",
    ) -> str:
        """Streams the text that the model writes after a prompt; the last value is all of it. One seed, one text."""
        try:
            yield from write(model, prompt, max_new_tokens, temperature, top_k, top_p, seed)
        except (ValueError, IndexError) as error:
            raise gr.Error(str(error), print_exception=False) from None

    def next_characters(
        text: str,
        temperature: float = DEFAULTS.temperature,
        top_k: int = DEFAULTS.top_k,
        top_p: float = DEFAULTS.top_p,
        model: str = "bundled",
    ) -> list:
        """Every character that may come after a text, likeliest first: char, probability, sampled_probability."""
        return _said(next_, model, text, temperature, top_k, top_p)

    def score(text: str, model: str = "bundled") -> dict:
        """How much each character of a text surprised the model, in nats, from the second one on, and the mean."""
        return _said(score_, model, text)

    def attention(text: str, layer: int, head: int, model: str = "bundled") -> dict:
        """One head's attention on a text: T x T weights, a row for each character that looks. Counts from 0."""
        return _said(attention_, model, text, layer, head)

    def heads(model: str = "bundled") -> dict:
        """What each head does, in a word and in scores (layers x heads), beside what uniform attention gives."""
        return _said(heads_, model)

    def logit_lens(text: str, model: str = "bundled") -> dict:
        """What each depth of the model would write after each character of a text: the likeliest five."""
        return _said(lens_, model, text)

    def ablate(text: str, heads: str, model: str = "bundled") -> dict:
        """What the model says of a text with all its heads, and without some, named like "0.1,2.0" (layer.head)."""
        return _said(ablate_, model, text, heads)

    def neighbours(char: str, k: int = 5, model: str = "bundled") -> list:
        """The characters whose embeddings point most nearly the same way as one's: char, cosine."""
        return _said(neighbours_, model, char, k)

    def embedding_map(dimensions: int = 2, model: str = "bundled") -> dict:
        """The characters' embeddings on 2 or 3 principal components, with the share of the variance explained."""
        return _said(map_, model, dimensions)

    return [
        model_info,
        generate,
        next_characters,
        score,
        attention,
        heads,
        logit_lens,
        ablate,
        neighbours,
        embedding_map,
    ]


def _said(work: Callable, *arguments) -> object:
    """What a piece of work answers. Raises gr.Error, one sentence, for what it can't do."""
    try:
        return work(*arguments)
    except (ValueError, IndexError) as error:  # UnknownCharacterError and CheckpointError are ValueErrors
        raise gr.Error(str(error), print_exception=False) from None
