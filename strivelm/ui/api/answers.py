"""The answers of the public endpoints: functions of an open model and plain values that return plain values.

Layers, heads and positions count from 0. Texts are at most one context long; of a longer prompt, the end is read. All
raise ValueError, a sentence, if they can't answer.
"""

import torch

from strivelm import inspection
from strivelm.decoder import engine_of
from strivelm.generation import DEFAULTS, distribution
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import codec, costs
from strivelm.ui.core.models import facts_of, names_of
from strivelm.ui.core.questions import question
from strivelm.words import plural


@question("api.model_info", device=False)
def model_info(opened: OpenModel) -> dict:
    """What a model is: sizes, vocabulary, corpus, validation loss in nats per character, what counting reaches."""
    facts = facts_of(opened)
    return {
        "model": facts.name,
        "commit": opened.commit,
        "layers": facts.layers,
        "heads": facts.heads,
        "width": facts.width,
        "parameters": facts.parameters,
        "context": facts.context,
        "vocabulary_size": len(facts.vocabulary),
        "vocabulary": facts.vocabulary,
        "corpus": facts.corpus,
        "step": facts.step,
        "validation_loss": facts.validation_loss,
        "uniform_loss": facts.uniform_loss,
        "engine": engine_of(opened.model),
        "counting": dict(facts.ladder),
    }


assert DEFAULTS.top_k is not None  # a number, as the endpoint's argument
assert DEFAULTS.top_p is not None


@question("api.next_characters", costs=costs.reading(logits=8))
@torch.no_grad()
def next_characters(
    opened: OpenModel,
    text: str,
    temperature: float = DEFAULTS.temperature,
    top_k: int = DEFAULTS.top_k,
    top_p: float = DEFAULTS.top_p,
) -> list[dict]:
    """Every character that may come after a text, likeliest first: char, probability, sampled_probability."""
    config = limits.checked_sampling(1, temperature, top_k, top_p, 0)
    logits = inspection.trace(opened.model, _end(opened, text), keep={"logits"}).logits[-1].float().cpu()
    probabilities, sampled = logits.softmax(-1), distribution(logits, config)
    order = logits.argsort(descending=True, stable=True).tolist()
    chars = opened.model.tokenizer.chars
    return [
        {"char": chars[i], "probability": probabilities[i].item(), "sampled_probability": sampled[i].item()}
        for i in order
    ]


@question("api.score", costs=costs.reading(logits=80))
def score(opened: OpenModel, text: str) -> dict:
    """How much each character of a text surprised the model, in nats, from the second one on, and the mean."""
    found = inspection.surprisal(opened.model, _whole(opened, text, least=2))
    pairs = zip(found.chars[1:], found.model[1:].tolist(), strict=True)
    return {"characters": [{"char": char, "nats": nats} for char, nats in pairs], "mean_nats": found.mean}


@question("api.attention", costs=costs.one_map(10.0))
def attention(opened: OpenModel, text: str, layer: int, head: int) -> dict:
    """One head's attention on a text: T x T weights, a row for each character that looks. Counts from 0."""
    config = opened.model.config
    for name, value, many in (("layer", layer, config.n_layer), ("head", head, config.n_head)):
        if type(value) is not int or not 0 <= value < many:
            raise ValueError(f"The {name} is {value!r}; expected a whole number from 0 to {many - 1}.")
    recorded = inspection.trace(opened.model, _whole(opened, text), keep={"attention"})
    return {"characters": list(recorded.chars), "attention": recorded.attention[layer, head].tolist()}


@question("api.heads", cached=True, costs=costs.circuits)
def heads(opened: OpenModel) -> dict:
    """What each head does, in a word and in scores (layers x heads), beside what uniform attention gives."""
    most = costs.most_read(opened.model, costs.patterns, min(opened.model.block_size, limits.CHARACTERS))
    found = inspection.heads(opened.model, most=most).to_dict()
    if most < opened.model.block_size:
        found["notes"].append(
            f"Measured on {plural(most, 'character')}, fewer than the context's, to keep within limits."
        )
    return {name: value for name, value in found.items() if name not in ("offsets", "uniform_offsets")}


@question("api.logit_lens", costs=costs.lens_costs)
def logit_lens(opened: OpenModel, text: str) -> dict:
    """What each depth of the model would write after each character of a text: the likeliest five."""
    found = inspection.logit_lens(opened.model, _whole(opened, text)).to_dict()
    return {name: value for name, value in found.items() if name not in ("logits", "probabilities")}


@question("api.ablate", costs=costs.reading(logits=60, passes=3))
def ablate(opened: OpenModel, text: str, heads: str) -> dict:
    """What the model says of a text with all its heads, and without some, named like "0.1,2.0" (layer.head)."""
    return inspection.ablate(opened.model, _whole(opened, text), heads_named(heads)).to_dict()


@question("api.compare", costs=costs.all_of_two)
def compare(opened: OpenModel, beside: OpenModel, text: str) -> dict:
    """Two models on one text: surprisals, difference, divergence (nats), each head's most similar head, embeddings.

    The difference is the surprisal of `beside` less the model's: above 0 where the model expected a character more.
    """
    names = names_of(opened, beside)
    text = _whole(opened, text, least=2)
    found = inspection.compare(opened.model, beside.model, text, names=names)
    expected, heads, embeddings = found.predictions, found.heads, found.embeddings
    given = expected.to_dict()
    rows = zip(given["chars"], *given["surprisal"], given["difference"], given["kl"], strict=True)
    fields = ("char", "nats", "beside_nats", "difference", "divergence")
    mean, beside_mean = expected.surprisals
    return {
        "model": names[0],
        "beside": names[1],
        "characters": [dict(zip(fields, row, strict=True)) for row in list(rows)[1:]],
        "mean_nats": mean,
        "beside_mean_nats": beside_mean,
        "difference": {"sum": expected.total, "mean": expected.mean, "standard_error": codec.finite(expected.error)},
        "expected_more": expected.wins[0],
        "beside_expected_more": expected.wins[1],
        "mean_divergence": expected.mean_kl,
        "heads": heads and _most_similar(heads),
        "embeddings": embeddings
        and {
            "characters": len(embeddings.chars),
            "procrustes_residual": embeddings.procrustes.residual,
            "residual_by_chance": embeddings.procrustes.chance,
            "neighbours_in_both": embeddings.shared,
            "in_both_by_chance": embeddings.chance,
        },
        "notes": list(found.notes),
    }


def _most_similar(found: inspection.HeadSimilarity) -> dict:
    """Each head's most similar head of the other model, by the overlap of their attention, and what chance gives."""
    L, H = found.best.shape
    heads = {}
    for layer in range(L):
        for head in range(H):
            ((name, overlap),) = found.most_similar(layer, head, k=1)
            at_random = {"random_head": found.average[layer, head].item(), "uniform": found.uniform[layer, head].item()}
            heads[f"{layer}.{head}"] = {"most_similar": name, "overlap": overlap} | at_random
    return {"heads": heads, "two_random_heads": found.chance}


@question("api.neighbours", costs=costs.one_character)
def neighbours(opened: OpenModel, char: str, k: int = 5) -> list[dict]:
    """The characters whose embeddings point most nearly the same way as one's: char, cosine."""
    if type(k) is not int or k < 1:
        raise ValueError(f"The number of neighbours is {k!r}; expected a whole number, at least 1.")
    if not isinstance(char, str) or len(char) != 1:
        raise ValueError(f"The character is {char!r:.40}; expected a single one.")
    opened.model.tokenizer.encode(char)  # raises for one that the model does not know
    found = inspection.neighbours(inspection.token_space(opened.model), char, k)
    return [{"char": other, "cosine": cosine} for other, cosine in zip(found.chars, found.cosine.tolist(), strict=True)]


@question("api.embedding_map", costs=costs.characters())
def embedding_map(opened: OpenModel, dimensions: int = 2) -> dict:
    """The characters' embeddings on 2 or 3 principal components, with the share of the variance explained."""
    if dimensions not in (2, 3):
        raise ValueError(f"The number of dimensions is {dimensions!r}; expected 2 or 3.")
    space = inspection.token_space(opened.model)
    found = inspection.pca(space.vectors, dimensions)
    points = zip(space.chars, found.coordinates.tolist(), strict=True)
    return {
        "characters": [{"char": char, "coordinates": place} for char, place in points],
        "explained_variance": found.explained.tolist(),
    }


def heads_named(text: str) -> list[str]:
    """The heads of "0.1,2.0". Raises ValueError for what names none."""
    if not isinstance(text, str):
        raise ValueError(f"The heads are a {type(text).__name__}; expected text such as 0.1,2.0.")
    return [part.strip() for part in text.split(",") if part.strip()]


def _whole(opened: OpenModel, text: str, least: int = 1) -> str:
    text = limits.checked_prompt(text)
    context = opened.model.block_size
    if not least <= len(text) <= context:
        raise ValueError(
            f"The text has {plural(len(text), 'character')}; "
            + (
                f"expected {least} to {context:,}, the model's context."
                if least < context
                else f"this needs {least}, and the model's context is {context:,}."
            )
        )
    return text


def _end(opened: OpenModel, text: str) -> str:
    text = limits.checked_prompt(text)
    if not text:
        raise ValueError("The text is empty; give at least one character, for example a line break.")
    return text[-opened.model.block_size :]
