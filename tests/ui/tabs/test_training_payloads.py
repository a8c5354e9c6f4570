"""What the tabs ask about all steps of a training equals what each step says by itself."""

import base64

import numpy as np
import pytest
import torch

from strivelm import inspection, open_model
from strivelm.ui.tabs.attention import training as attention
from strivelm.ui.tabs.embeddings import training as embeddings
from strivelm.ui.tabs.generate.asked import Asked
from strivelm.ui.tabs.generate.film_payload import film
from strivelm.ui.tabs.generate.payload import write
from strivelm.ui.tabs.predictions import training as predictions

TEXT = "The king is dead; the queen is not."
STEPS = (0, 1, 3, 5, 12, 25, 55, 122, 272, 605, 1348, 3000)


@pytest.fixture(scope="module")
def steps():
    """All snapshots of the film, open."""
    return [open_model(f"film@step-{step}") for step in STEPS]


def numbers(text, kind="<f4"):
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_scores_of_every_head_are_those_of_its_maps(steps):
    found = attention.training(steps, TEXT)
    for s, opened in enumerate(steps):
        weights = inspection.trace(opened.model, TEXT).attention  # (L, H, T, T)
        for layer, head in ((0, 0), (0, 1), (1, 0), (1, 1)):
            one, of = weights[layer, head].double(), 2 * layer + head
            for name, score in (
                ("previous_character", one.diagonal(-1).mean()),  # of each query but the first, which has none before
                ("itself", one.diagonal()[1:].mean()),
                ("first_position", one[1:, 0].mean()),
            ):
                assert found["scores"][name][of][s] == pytest.approx(score.item(), abs=1e-9)


def test_a_head_that_comes_to_read_the_previous_character_is_found(steps):
    found = attention.training(steps, TEXT)
    curves = np.array(found["scores"]["previous_character"])  # (heads, S)
    jumps = found["jumps"]["previous_character"]
    for curve, jump in zip(curves, jumps, strict=True):
        changes = np.abs(np.diff(curve))
        earned = changes.max() >= 0.2 and changes.max() > 0.5 * np.ptp(curve)
        assert jump == (int(changes.argmax()) if earned else None)


def test_losses_and_the_lens_are_those_of_every_step(steps):
    found = predictions.training(steps, TEXT)
    nats = numbers(found["nats"]).reshape(len(steps), len(TEXT))
    settles = numbers(found["settles"], "u1").reshape(len(steps), len(TEXT))
    for s, opened in enumerate(steps):
        ids = torch.tensor(opened.model.tokenizer.encode(TEXT))
        with torch.no_grad():
            log_p = opened.model(ids[None])[0][0].double().log_softmax(-1)
        own = -log_p[:-1].gather(1, ids[1:, None])[:, 0]
        assert np.allclose(nats[s, 1:], own, atol=1e-4)
        assert np.isnan(nats[s, 0])
        assert found["mean"][s] == pytest.approx(own.mean().item(), abs=1e-4)
        assert settles[s].tolist() == inspection.logit_lens(opened.model, TEXT).settles.tolist()


def test_neighbours_and_purity_are_those_of_every_step(steps):
    found = embeddings.training(steps)
    chars = found["chars"]
    near = numbers(found["near"], "<u2").reshape(len(steps), len(chars), found["neighbours"])
    for s, opened in enumerate(steps):
        vectors = opened.model.tok.weight.detach().double()
        unit = vectors / vectors.norm(dim=1, keepdim=True)
        table = unit @ unit.T
        table.fill_diagonal_(-2)
        assert near[s].tolist() == table.topk(found["neighbours"], 1).indices.tolist()
        purity = inspection.purity(inspection.token_space(opened.model), "class", False)
        assert (found["purity"][s], found["chance"][s]) == (pytest.approx(purity.purity), pytest.approx(purity.chance))
    assert found["purity"][-1] > found["chance"][-1] + 0.3 > found["purity"][0]


def test_lengths_of_positions_are_those_of_every_step(steps):
    found = embeddings.positions_training(steps)
    for s, opened in enumerate(steps):
        vectors = opened.model.pos.weight.detach().double()
        assert found["norm"][s] == pytest.approx(vectors.norm(dim=1).mean().item(), rel=1e-5)
        assert found["from_mean"][s] == pytest.approx((vectors - vectors.mean(0)).norm(dim=1).mean().item(), rel=1e-5)
        assert found["token_norm"][s] == pytest.approx(opened.model.tok.weight.norm(dim=1).mean().item(), rel=1e-5)


def test_the_film_writes_what_each_step_writes_by_itself(steps):
    some = steps[::4]
    pieces = list(film(some, "KING:\n", Asked(40, 0.8, 20, 1.0, 7)))
    assert [piece["ref"] for piece in pieces] == [opened.ref for opened in some]
    for opened, piece in zip(some, pieces, strict=True):
        head, *grown = write(opened, "KING:\n", Asked(40, 0.8, 20, 1.0, 7))
        assert piece["head"] == head
        assert piece["characters"] == [one for part in grown for one in part["characters"]]
        assert piece["ended"] == "complete"


def test_without_a_seed_one_is_drawn_for_all(steps):
    seeds = {piece["head"]["seed"] for piece in film(steps[:3], "A", Asked(5, 1.0, 0, 1.0, ""))}
    assert len(seeds) == 1


def test_models_that_are_not_alike_are_a_sentence(steps, make_model):
    other = type(steps[0])("other", make_model(n_layer=1), {})
    with pytest.raises(ValueError, match="different numbers of layers and heads"):
        attention.training([steps[0], other], "abc")
    with pytest.raises(ValueError, match="know different characters"):
        embeddings.training([steps[0], other])


def test_one_character_has_no_curves(steps):
    assert attention.training(steps, "T")["scores"] == {}
    assert predictions.training(steps, "T")["nats"] is None
