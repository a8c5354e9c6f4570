"""The public endpoints: typed, plain JSON, the same functions that the tabs use."""

from collections.abc import Callable

import gradio as gr

from strivelm.generation import MAX_SEED
from strivelm.ui import limits
from strivelm.ui.models import Models
from strivelm.ui.writing import write


def offer(models: Models) -> None:
    """Adds the endpoints to the page that is being built."""
    gr.api(
        _model_info(models),
        api_name="model_info",
        api_description="What the open model is: sizes, vocabulary, corpus, validation loss in nats per character.",
    )
    gr.api(
        _generate(models),
        api_name="generate",
        api_description="Streams the text that the model writes after a prompt; the last value is all of it.",
        concurrency_id="writing",
        concurrency_limit=limits.CONCURRENT,
    )


def _model_info(models: Models) -> Callable:
    def model_info() -> dict:
        facts = models.facts
        return {
            "model": facts.name,
            "layers": facts.layers,
            "heads": facts.heads,
            "width": facts.width,
            "parameters": facts.parameters,
            "context": facts.context,
            "vocabulary_size": len(facts.vocabulary),
            "vocabulary": facts.vocabulary,
            "corpus": facts.corpus,
            "validation_loss": facts.validation_loss,
            "uniform_loss": facts.uniform_loss,
        }

    return model_info


def _generate(models: Models) -> Callable:
    def generate(
        prompt: str,
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> str:
        model = models.current.model
        try:
            prompt = limits.checked_prompt(prompt)
            if not prompt:
                raise ValueError("The prompt is empty; give at least one character, for example a line break.")
            if seed is None:
                raise ValueError(f"The setting seed is empty; expected a whole number from 0 to {MAX_SEED}.")
            config = limits.checked_sampling(max_new_tokens, temperature, top_k, top_p, seed)
            for written in write(model, model.tokenizer.encode(prompt), config):
                yield written.text
        except ValueError as error:  # UnknownCharacterError is one
            raise gr.Error(str(error), print_exception=False) from None

    return generate
