"""Two models in the Learn tab: every part's numbers, counted from the models themselves."""

import json

from two_models import ran

from strivelm.ui.tabs.learn import beside


def test_parts_and_totals_are_counted(film, bundled):
    shown = json.loads(json.dumps(beside.beside(film, bundled)))
    assert shown["totals"] == [sum(p.numel() for p in one.model.parameters()) for one in (film, bundled)]
    assert [sum(part["counts"][which] for part in shown["parts"]) for which in (0, 1)] == shown["totals"]
    tok = shown["parts"][0]
    assert tok["counts"] == [one.model.tok.weight.numel() for one in (film, bundled)]
    assert tok["shapes"] == [" × ".join(map(str, one.model.tok.weight.shape)) for one in (film, bundled)]
    qkv = next(part for part in shown["parts"] if part["name"] == "queries, keys, values")
    assert qkv["form"] == "L × (3C²)"
    assert qkv["counts"] == [sum(block.qkv.weight.numel() for block in one.model.blocks) for one in (film, bundled)]
    facts = {name: (a, b) for (name, a), (_, b) in shown["facts"]}
    assert facts["Layers"] == tuple(str(one.model.config.n_layer) for one in (film, bundled))
    assert facts["Validation loss"] == tuple(f"{one.validation_loss:.3f} nats" for one in (film, bundled))


def test_the_lines_compute_what_is_shown(film, bundled):
    shown = beside.beside(film, bundled)
    out = ran(shown["python"])["out"].splitlines()
    assert [int(line.split()[0]) for line in out] == shown["totals"]


def test_a_model_beside_itself_differs_in_nothing(film):
    shown = beside.beside(film, film)
    assert all(part["counts"][0] == part["counts"][1] for part in shown["parts"])
    assert all(a == b for a, b in shown["facts"])
