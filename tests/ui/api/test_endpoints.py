"""The public endpoints, as a program calls them."""

import inspect
import math
import time
from itertools import pairwise

import pytest
import torch
from gradio_client.exceptions import AppError

from strivelm import SamplingConfig, open_model
from strivelm import inspection as inside
from strivelm.decoder import engine_of
from strivelm.generation import distribution
from strivelm.inspection.forward import embedded
from strivelm.ui import build
from strivelm.ui.core.questions import QUESTIONS

# Every endpoint with its arguments before the model: name, type, default (... where there is none).
ENDPOINTS = {
    "/model_info": [],
    "/generate": [
        ("prompt", "str", ...),
        ("max_new_tokens", "int", 200),
        ("temperature", "float", 0.9),
        ("top_k", "int", 40),
        ("top_p", "float", 1.0),
        ("seed", "None | int", None),
    ],
    "/next_characters": [
        ("text", "str", ...),
        ("temperature", "float", 0.9),
        ("top_k", "int", 40),
        ("top_p", "float", 1.0),
    ],
    "/score": [("text", "str", ...)],
    "/attention": [("text", "str", ...), ("layer", "int", ...), ("head", "int", ...)],
    "/heads": [],
    "/logit_lens": [("text", "str", ...)],
    "/ablate": [("text", "str", ...), ("heads", "str", ...)],
    "/compare": [("text", "str", ...), ("beside", "str", "film")],
    "/neighbours": [("char", "str", ...), ("k", "int", 5)],
    "/embedding_map": [("dimensions", "int", 2)],
}


@pytest.fixture(scope="module")
def ask(client):
    """The function that calls an endpoint about the model of random weights."""
    return lambda name, *arguments, **named: client.predict(*arguments, api_name=name, **{"model": "noise"} | named)


def described(parameter):
    default = parameter["parameter_default"] if parameter["parameter_has_default"] else ...
    return parameter["parameter_name"], parameter["python_type"]["type"], default


def test_the_endpoints_are_public_and_described_and_nothing_else_is(client):
    api = client.view_api(return_format="dict", print_info=False)
    assert not api["unnamed_endpoints"]
    found = {name: [described(p) for p in endpoint["parameters"]] for name, endpoint in api["named_endpoints"].items()}
    assert found == {name: [*before, ("model", "str", "noise")] for name, before in ENDPOINTS.items()}
    assert all(endpoint["description"] for endpoint in api["named_endpoints"].values())


def test_every_endpoint_is_its_question_s_function_to_a_program_and_to_a_language_model(noise):
    """MCP calls a tool by its function's name, and an endpoint without a return type answers nothing there."""
    found = {fn.api_name: fn.fn for fn in build(noise).fns.values() if fn.api_visibility == "public"}
    assert {f"/{name}" for name in found} == ENDPOINTS.keys()
    for name, function in found.items():
        asked = QUESTIONS[f"api.{name}"]
        assert function.__name__ == name
        assert inspect.getdoc(function) == inspect.getdoc(asked.function)
        signature = inspect.signature(function)
        assert signature.return_annotation in (dict, list, str), name
        beside = ["beside"] if asked.models == 2 else []
        assert list(signature.parameters) == [*(one.name for one in asked.arguments), *beside, "model"]
        assert inspect.isgeneratorfunction(function) == asked.streamed


def test_model_info_says_what_the_model_is(ask, noise):
    info = ask("/model_info")
    config = noise.model.config
    assert info == {
        "model": "noise",
        "commit": None,
        "layers": 1,
        "heads": 2,
        "width": 16,
        "parameters": config.num_parameters,
        "context": 32,
        "vocabulary_size": len(config.chars),
        "vocabulary": config.chars,
        "corpus": "noise",
        "step": 7,
        "counting": {},
        "validation_loss": 3.5,
        "uniform_loss": pytest.approx(math.log(len(config.chars))),
        "engine": engine_of(noise.model),
    }


def test_generate_gives_what_the_model_gives_in_python(ask, noise):
    settings = {"max_new_tokens": 60, "temperature": 0.9, "top_k": 20, "top_p": 0.95, "seed": 5}
    text = ask("/generate", "The fox", **settings)
    assert "The fox" + text == noise.model.generate("The fox", **settings)


def test_one_seed_gives_one_text_and_another_another(ask):
    texts = [ask("/generate", "A", max_new_tokens=80, seed=seed) for seed in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]
    assert [len(text) for text in texts] == [80, 80, 80]


def test_the_defaults_are_enough(ask, noise):
    assert ask("/generate", "Hello", seed=3) == noise.model.generate("Hello", seed=3)[5:]


def test_text_streams_and_grows(slow_client):
    seen = list(slow_client.submit("A", max_new_tokens=60, model="noise", api_name="/generate"))
    assert len(seen) > 2
    assert len(seen[-1]) == 60
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))


def test_a_cancelled_call_stops_working(slow_client, steps):
    job = slow_client.submit("A", max_new_tokens=2000, model="noise", api_name="/generate")
    before = steps()
    next(iter(job))
    job.cancel()
    deadline = time.monotonic() + 30
    still = -1
    while still != steps() and time.monotonic() < deadline:
        still = steps()
        time.sleep(0.5)  # fifty characters' time: a count that has not moved has stopped
    assert still == steps() < before + 1500


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"prompt": ""}, "The prompt is empty"),
        ({"prompt": None}, "The argument prompt of api.generate is None; expected text."),
        ({"prompt": 5}, "The argument prompt of api.generate is 5; expected text."),
        ({"prompt": "x" * 2001}, "The prompt has 2,001 characters, but at most 2,000 are allowed; shorten it by 1"),
        ({"prompt": "caf\u00e9 <b>"}, "not in the model's vocabulary: '\u00e9' (U+00E9) at 3; '<' at 5"),
        ({"max_new_tokens": 0}, "characters to write is 0; expected a whole number from 1 to 2,000"),
        ({"max_new_tokens": 2001}, "characters to write is 2001; expected a whole number from 1 to 2,000"),
        ({"max_new_tokens": "ten"}, "argument max_new_tokens of api.generate is 'ten'; expected a whole number"),
        ({"temperature": -0.1}, "temperature is -0.1; expected a number from 0 to 2"),
        ({"temperature": 2.1}, "temperature is 2.1; expected a number from 0 to 2"),
        ({"temperature": None}, "argument temperature of api.generate is None; expected a number."),
        ({"top_k": -1}, "top_k is -1; expected a whole number"),
        ({"top_k": 1.5}, "argument top_k of api.generate is 1.5; expected a whole number."),
        ({"top_p": 0}, "top_p is 0.0; expected a number above 0"),
        ({"top_p": 1.01}, "top_p is 1.01; expected a number above 0"),
        ({"seed": -1}, "seed is -1; expected a whole number"),
        ({"seed": 2**53}, f"seed is {2**53}; expected a whole number"),
    ],
)
def test_what_can_not_be_written_is_said_in_a_sentence(ask, arguments, sentence):
    with pytest.raises(AppError) as caught:
        ask("/generate", **{"prompt": "The"} | arguments)
    assert sentence in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_top_k_beyond_the_vocabulary_means_all(ask):
    everything, all_of_it = (ask("/generate", "A", top_k=k, seed=3) for k in (0, 10_000))
    assert everything == all_of_it


def test_next_characters_are_the_models_own_and_those_that_are_drawn_from(ask, noise):
    found = ask("/next_characters", "The fox", temperature=0.7, top_k=5, top_p=0.9)
    ids = torch.tensor([noise.model.tokenizer.encode("The fox")])
    logits = noise.model(ids)[0][0, -1].detach()
    drawn_from = distribution(logits, SamplingConfig(temperature=0.7, top_k=5, top_p=0.9))
    chars = noise.model.config.chars
    assert sorted(one["char"] for one in found) == sorted(chars)
    assert [one["probability"] for one in found] == sorted((one["probability"] for one in found), reverse=True)
    for one in found:
        i = chars.index(one["char"])
        assert one["probability"] == pytest.approx(logits.double().softmax(-1)[i].item(), abs=1e-6)
        assert one["sampled_probability"] == pytest.approx(drawn_from[i].item(), abs=1e-6)
    assert ask("/next_characters", "x" * 40 + "The fox of the wood and the sea, x")  # reads the end of it


def test_the_score_of_a_text_is_its_cross_entropy(ask, noise):
    text = "The fox, and the crow."
    found = ask("/score", text)
    ids = torch.tensor([noise.model.tokenizer.encode(text)])
    losses = torch.nn.functional.cross_entropy(noise.model(ids[:, :-1])[0][0].double(), ids[0, 1:], reduction="none")
    assert [one["char"] for one in found["characters"]] == list(text[1:])
    assert [one["nats"] for one in found["characters"]] == pytest.approx(losses.tolist(), abs=1e-5)
    assert found["mean_nats"] == pytest.approx(losses.mean().item(), abs=1e-5)


def test_attention_is_the_heads_own(ask, noise):
    text = "The fox"
    found = ask("/attention", text, 0, 1)
    assert found["characters"] == list(text)
    x = noise.model.blocks[0].ln1(embedded(noise.model, torch.tensor([noise.model.tokenizer.encode(text)])))
    q, k, _ = noise.model.blocks[0].qkv(x)[0].split(16, dim=-1)
    scores = (q[:, 8:] @ k[:, 8:].T / 8**0.5).masked_fill(torch.ones(7, 7).triu(1).bool(), -math.inf)
    assert torch.allclose(torch.tensor(found["attention"]), scores.softmax(-1), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments", "compute"),
    [
        ("/heads", (), lambda m: inside.heads(m)),
        ("/logit_lens", ("The fox",), lambda m: inside.logit_lens(m, "The fox")),
        ("/ablate", ("The fox", "0.1"), lambda m: inside.ablate(m, "The fox", ["0.1"])),
    ],
)
def test_what_is_found_inside_is_what_inspection_finds(ask, noise, name, arguments, compute):
    found, expected = ask(name, *arguments), compute(noise.model).to_dict()
    assert found.keys() <= expected.keys()
    assert len(found) >= len(expected) - 2  # what is as large as a vocabulary is left out
    for key in found:
        assert found[key] == expected[key], key


def test_neighbours_and_map_are_those_of_the_embeddings(ask, noise):
    W = noise.model.tok.weight.detach().double()
    chars = noise.model.config.chars
    likeness = torch.nn.functional.cosine_similarity(W[chars.index("a")], W)
    likeness[chars.index("a")] = -2
    found = ask("/neighbours", "a", 3)
    best = likeness.topk(3)
    assert [one["char"] for one in found] == [chars[i] for i in best.indices.tolist()]
    assert [one["cosine"] for one in found] == pytest.approx(best.values.tolist(), abs=1e-6)
    for dimensions in (2, 3):
        found = ask("/embedding_map", dimensions)
        values = torch.linalg.svdvals(W - W.mean(0))
        assert found["explained_variance"] == pytest.approx((values**2 / (values**2).sum())[:dimensions].tolist())
        assert [one["char"] for one in found["characters"]] == list(chars)
        assert {len(one["coordinates"]) for one in found["characters"]} == {dimensions}


def test_two_models_are_compared_as_inspection_compares_them(ask, noise):
    text = "The fox, and the crow."
    found, film = ask("/compare", text), open_model("film").model  # the film, where nothing is said
    expected = inside.compare(noise.model, film, text, names=("noise", "film"))
    predictions = expected.predictions
    assert (found["model"], found["beside"], found["notes"]) == ("noise", "film", list(expected.notes))
    for name, numbers in (("difference", predictions.difference), ("divergence", predictions.kl)):
        assert [one[name] for one in found["characters"]] == numbers[1:].tolist()
    assert [[one["nats"], one["beside_nats"]] for one in found["characters"]] == predictions.surprisal[:, 1:].T.tolist()
    numbers = {"sum": predictions.total, "mean": predictions.mean, "standard_error": predictions.error}
    assert found["difference"] == numbers
    name, overlap = expected.heads.most_similar(0, 1)[0]
    head = found["heads"]["heads"]["0.1"]
    assert (head["most_similar"], head["overlap"], head["random_head"], head["uniform"]) == (
        name,
        overlap,
        expected.heads.average[0, 1].item(),
        expected.heads.uniform[0, 1].item(),
    )
    assert found["embeddings"]["procrustes_residual"] == expected.embeddings.procrustes.residual
    assert found["embeddings"]["neighbours_in_both"] == expected.embeddings.shared


def test_a_model_beside_itself_differs_nowhere(ask):
    found = ask("/compare", "The fox", beside="noise")
    assert found["difference"] == {"sum": 0, "mean": 0, "standard_error": 0}
    assert (found["mean_divergence"], found["expected_more"], found["beside_expected_more"]) == (0, 0, 0)
    assert [found["heads"]["heads"][name]["overlap"] for name in ("0.0", "0.1")] == [1, 1]
    assert found["embeddings"]["procrustes_residual"] == 0


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("/compare", {"text": "a"}, "The text has 1 character; expected 2 to 32"),
        ("/compare", {"text": "ab", "beside": "film@step-99"}, "holds no snapshot"),
        ("/next_characters", {"text": ""}, "The text is empty"),
        ("/next_characters", {"text": "a", "temperature": 3}, "temperature is 3"),
        ("/score", {"text": "a"}, "The text has 1 character; expected 2 to 32"),
        ("/score", {"text": "a\u00e9"}, "not in the model's vocabulary"),
        ("/score", {"text": None}, "The argument text of api.score is None; expected text."),
        ("/attention", {"text": "ab", "layer": 1, "head": 0}, "The layer is 1; expected a whole number from 0 to 0"),
        ("/attention", {"text": "ab", "layer": 0, "head": -1}, "The head is -1; expected a whole number from 0 to 1"),
        ("/attention", {"text": "x" * 33, "layer": 0, "head": 0}, "The text has 33 characters; expected 1 to 32"),
        ("/logit_lens", {"text": ""}, "The text has 0 characters"),
        ("/ablate", {"text": "ab", "heads": "9.9"}, "9.9"),
        ("/ablate", {"text": "ab", "heads": "first"}, "first"),
        ("/neighbours", {"char": "ab"}, "The character is 'ab'; expected a single one"),
        ("/neighbours", {"char": "\u00e9"}, "not in the model's vocabulary"),
        ("/neighbours", {"char": "a", "k": 0}, "The number of neighbours is 0"),
        ("/embedding_map", {"dimensions": 4}, "The number of dimensions is 4; expected 2 or 3"),
        ("/heads", {"model": "../secret"}, "is no model"),
        ("/heads", {"model": ""}, "The model is empty"),
        ("/heads", {"model": "/etc"}, "is no model"),
        ("/model_info", {"model": "film@step-99"}, "holds no snapshot"),
    ],
)
def test_what_can_not_be_answered_is_said_in_a_sentence(ask, name, arguments, sentence):
    with pytest.raises(AppError) as caught:
        ask(name, **arguments)
    assert sentence in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_every_call_names_its_own_model(client, ask):
    assert client.predict(api_name="/model_info")["model"] == "noise"  # the page's own, by default
    assert ask("/model_info", model="bundled")["context"] == 256
    assert ask("/model_info", model="film@step-55")["step"] == 55
    assert ask("/model_info")["context"] == 32
