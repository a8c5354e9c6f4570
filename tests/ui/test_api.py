"""The public endpoints, as a program calls them."""

import math
import time
from itertools import pairwise

import pytest
from gradio_client.exceptions import AppError


def test_two_endpoints_are_public_and_described(client):
    named = client.view_api(return_format="dict", print_info=False)
    assert set(named["named_endpoints"]) == {"/model_info", "/generate"}
    assert not named["unnamed_endpoints"]
    parameters = named["named_endpoints"]["/generate"]["parameters"]
    assert [(p["parameter_name"], p["parameter_default"]) for p in parameters[1:]] == [
        ("max_new_tokens", 200),
        ("temperature", 0.8),
        ("top_k", 0),
        ("top_p", 1.0),
        ("seed", 0),
    ]
    assert [p["python_type"]["type"] for p in parameters] == ["str", "int", "float", "int", "float", "int"]


def test_model_info_says_what_the_model_is(client, noise):
    info = client.predict(api_name="/model_info")
    config = noise.model.config
    assert info == {
        "model": "noise",
        "layers": 1,
        "heads": 2,
        "width": 16,
        "parameters": config.num_parameters,
        "context": 32,
        "vocabulary_size": len(config.chars),
        "vocabulary": config.chars,
        "corpus": "noise",
        "validation_loss": 3.5,
        "uniform_loss": pytest.approx(math.log(len(config.chars))),
    }


def test_generate_gives_what_the_model_gives_in_python(client, noise):
    settings = {"max_new_tokens": 60, "temperature": 0.9, "top_k": 20, "top_p": 0.95, "seed": 5}
    text = client.predict("The fox", **settings, api_name="/generate")
    assert "The fox" + text == noise.model.generate("The fox", **settings)


def test_one_seed_gives_one_text_and_another_another(client):
    texts = [client.predict("A", max_new_tokens=80, seed=seed, api_name="/generate") for seed in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]
    assert [len(text) for text in texts] == [80, 80, 80]


def test_the_defaults_are_enough(client, noise):
    assert client.predict("Hello", api_name="/generate") == noise.model.generate("Hello", 200, 0.8, seed=0)[5:]


def test_text_streams_and_grows(slow_client):
    seen = list(slow_client.submit("A", max_new_tokens=60, api_name="/generate"))
    assert len(seen) > 2
    assert len(seen[-1]) == 60
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))


def test_a_cancelled_call_stops_working(slow_client, steps):
    job = slow_client.submit("A", max_new_tokens=2000, api_name="/generate")
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
        ({"prompt": None}, "The prompt is empty"),
        ({"prompt": 5}, "The prompt is a int; expected text"),
        ({"prompt": "x" * 2001}, "The prompt has 2,001 characters, and at most 2,000 are read here; shorten it by 1"),
        ({"prompt": "caf\u00e9 <b>"}, "not in the model's vocabulary: '\u00e9' (U+00E9) at 3; '<' at 5"),
        ({"max_new_tokens": 0}, "characters to write is 0; expected a whole number from 1 to 2,000"),
        ({"max_new_tokens": 2001}, "characters to write is 2001; expected a whole number from 1 to 2,000"),
        ({"max_new_tokens": "ten"}, "characters to write is 'ten'; expected a whole number"),
        ({"temperature": -0.1}, "temperature is -0.1; expected a number from 0 to 2"),
        ({"temperature": 2.1}, "temperature is 2.1; expected a number from 0 to 2"),
        ({"temperature": None}, "temperature is empty; expected a number"),
        ({"top_k": -1}, "top_k is -1; expected a whole number"),
        ({"top_k": 1.5}, "top_k is 1.5; expected a whole number"),
        ({"top_p": 0}, "top_p is 0; expected a number above 0"),
        ({"top_p": 1.01}, "top_p is 1.01; expected a number above 0"),
        ({"seed": -1}, "seed is -1; expected a whole number"),
        ({"seed": 2**53}, f"seed is {2**53}; expected a whole number"),
        ({"seed": None}, "seed is empty; expected a whole number"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(client, arguments, sentence):
    with pytest.raises(AppError) as caught:
        client.predict(**{"prompt": "The"} | arguments, api_name="/generate")
    assert sentence in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_top_k_beyond_the_vocabulary_means_all(client):
    everything, all_of_it = (client.predict("A", top_k=k, api_name="/generate") for k in (0, 10_000))
    assert everything == all_of_it
