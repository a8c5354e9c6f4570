"""The loss curve: what its lines and labels are, read from the artists and from the pixels, and what it refuses."""

import copy
import io
import itertools
import json
import math
import re
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from PIL import Image

from strivelm.loading import BUNDLED
from strivelm.training.loss_curve import MAX_RUNGS, TRAIN, VALIDATION, figure, loss_curve, spread

SHAKESPEARE = {"uniform": 4.174, "unigram": 3.347, "bigram": 2.482, "trigram": 2.046, "4-gram": 1.784, "5-gram": 1.77}
CLOSE = {"uniform": 3.689, "unigram": 3.118, "bigram": 3.099, "trigram": 3.087, "4-gram": 3.18, "5-gram": 3.171}
OVERFITTED = [(3.739, 3.793), (2.277, 2.865), (1.184, 3.084), (0.463, 3.576), (0.308, 3.787), (0.128, 4.064)]


def record(losses=OVERFITTED, ngrams=CLOSE, name="input.txt", interval=50):
    """A record as training.json holds it, for (training, validation) losses at steps 0, 50, …"""
    seen = [
        {"step": i * interval, "train": train, "validation": validation, "seconds": float(i)}
        for i, (train, validation) in enumerate(losses)
    ]
    judged = [e for e in seen if e["validation"] is not None]
    return {
        "sizes": {"n_layer": 2, "n_head": 2, "n_embd": 128, "block_size": 64, "dropout": 0.0},
        "parameters": 409_088,
        "corpus": {"name": name, "characters": 603, "vocabulary": 40},
        "ngrams": ngrams,
        "evaluations": seen,
        "best": dict(min(judged, key=lambda e: e["validation"]) if judged else seen[-1]),
    }


LONG = [(1 + 3 * math.exp(-i / 10) - i / 1000, 1.4 + 2.8 * math.exp(-i / 10) + i / 1500) for i in range(300)]
RECORDS = {
    "overfitted": record(),
    "improving": record([(4.227, 4.225), (1.577, 1.771), (1.137, 1.439)], SHAKESPEARE, "tiny Shakespeare"),
    "of 300 evaluations": record(LONG, SHAKESPEARE),
    "of one evaluation": record(OVERFITTED[:1]),
    "without validation": record([(train, None) for train, _ in OVERFITTED], {}),
    "validated late": record([(3.7, None), (2.5, 2.9), (2.4, None)], {}),
    "with a long name": record(name="https://example.org/" + "a/folder/and/" * 40 + "the end.txt"),
    "with the longest ladder": record(ngrams={f"a table with a long name {n}": 2.5 for n in range(MAX_RUNGS)}),
    "of losses without bounds": record([(0.0, 0.0), (123_456.0, 654_321.0)], {"5-gram": 99_999.9}, interval=10**11),
    "of one loss": record([(1.0, 1.0)], {"uniform": 1.0}),
}
every_record = pytest.mark.parametrize("kind", RECORDS)


@cache
def drawn(kind):
    """The figure of one of RECORDS, its only axes, and their lines by label."""
    made = figure(RECORDS[kind])
    made.canvas.draw()
    (axes,) = made.axes
    return made, axes, {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


@cache
def texts(kind):
    """Every text that is seen in it, with its box in pixels, the origin at the lower left."""
    made, axes, _ = drawn(kind)
    seen = [*made.texts, axes.xaxis.label, axes.yaxis.label]
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        seen += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [(text.get_text(), text.get_window_extent()) for text in seen]


def title(made):
    """The text in the largest letters."""
    return max(made.texts, key=lambda text: text.get_fontsize())


@every_record
def test_the_lines_are_the_records_numbers(kind):
    run, (_, axes, lines) = RECORDS[kind], drawn(kind)
    for name, key in (("training", "train"), ("validation", "validation")):
        points = [(e["step"], e[key]) for e in run["evaluations"] if e[key] is not None]
        assert [*zip(*(lines[name].get_data() if points else ([], [])), strict=True)] == points
        assert all(axes.viewLim.contains(*point) for point in points)
    for name, loss in run["ngrams"].items():
        assert set(lines[name].get_ydata()) == {loss}
    kept = run["best"]
    loss = kept["train"] if kept["validation"] is None else kept["validation"]
    assert [*zip(*lines["kept"].get_data(), strict=True)] == [(kept["step"], loss)]


@every_record
def test_no_label_lies_on_another_or_on_a_curve_or_beyond_the_picture(kind):
    for (one, a), (other, b) in itertools.combinations(texts(kind), 2):
        assert not a.overlaps(b), f"{one!r} lies on {other!r}"
    for text, box in texts(kind):
        assert 0 <= box.x0 < box.x1 <= 1200, text
        assert 0 <= box.y0 < box.y1 <= 750, text
        assert not drawn(kind)[1].bbox.overlaps(box), f"{text!r} lies in the axes"


@every_record
def test_the_file_is_a_small_opaque_picture(kind):
    content = loss_curve(RECORDS[kind])
    assert len(content) < 50_000
    image = Image.open(io.BytesIO(content))
    assert (image.format, image.size, image.info) == ("PNG", (1200, 750), {})  # no alpha, no time, no program's name
    assert image.convert("RGB").getpixel((0, 0)) == image.convert("RGB").getpixel((1199, 749)) == (255, 255, 255)


def test_the_same_record_gives_the_same_bytes():
    assert loss_curve(RECORDS["improving"]) == loss_curve(copy.deepcopy(RECORDS["improving"]))


def test_every_level_stands_beside_the_axes_with_its_loss():
    heights = {text: box.y0 for text, box in texts("overfitted")}
    for name, loss in (CLOSE | {"training": 0.128, "validation": 4.064}).items():
        assert abs(heights[name] - heights[f"{loss:.3f}"]) < 2  # pixels
    falling = ["validation", "uniform", "4-gram", "5-gram", "unigram", "bigram", "trigram", "training"]
    assert sorted(falling, key=lambda name: -heights[name]) == falling
    assert heights.keys() > {"step", "loss (nats per character)", "0", "input.txt"}
    assert "weights kept: step 50, validation loss 2.865" in heights
    assert "layers 2 · heads 2 · width 128 · context 64 · parameters 409,088 · characters of text 603" in heights


def test_the_curves_are_in_the_pixels():
    image = Image.open(io.BytesIO(loss_curve(RECORDS["overfitted"]))).convert("RGB")
    for split, color in ((0, TRAIN), (1, VALIDATION)):
        middle = (175, (OVERFITTED[3][split] + OVERFITTED[4][split]) / 2)  # between two evaluations
        x, y = drawn("overfitted")[1].transData.transform(middle)
        assert image.getpixel((round(x), round(750 - y))) == pytest.approx([255 * p for p in to_rgb(color)], abs=12)


def test_a_text_known_by_heart_is_measured_from_zero_and_other_runs_use_the_height():
    assert drawn("overfitted")[1].get_ylim()[0] == 0
    assert drawn("improving")[1].get_ylim()[0] == pytest.approx(1.137 - 0.06 * (4.227 - 1.137))


def test_uniform_is_shown_where_nothing_was_counted():
    run = json.loads((BUNDLED / "training.json").read_text("utf-8"))
    run.pop("ngrams", None)
    (uniform,) = [line for line in figure(run).axes[0].lines if line.get_label() == "uniform"]
    assert set(uniform.get_ydata()) == {math.log(65)}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (r"$\frac{1}{0}$ 100% {x} \n_^", r"$\frac{1}{0}$ 100% {x} \n_^"),
        ("two\nlines\tand \u202eback\x00", "two lines and back"),
        ("紅楼夢.txt", "□□□.txt"),
        ("\udcff.txt", ".txt"),
        ("Ærø 😀", "Ærø 😀"),
    ],
)
def test_a_name_is_shown_as_it_is(name, shown):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = figure(record(name=name))
        made.canvas.draw()
    assert title(made).get_text() == shown
    assert not title(made).get_parse_math()


def test_a_long_name_keeps_its_beginning_and_its_end():
    shown = title(drawn("with a long name")[0])
    assert re.fullmatch(r"https://example.org/a/.*….*/the end.txt", shown.get_text())
    assert shown.get_window_extent().width > 900


@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), st.integers(0, 3))
def test_labels_are_spread_no_further_than_they_must(places, gap):
    found = spread(places, gap, 0, 12)
    in_order = [found[i] for i in sorted(range(len(places)), key=places.__getitem__)]
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(in_order))
    assert -1e-9 <= in_order[0] <= in_order[-1] <= 12 + 1e-9
    cost = sum((a - b) ** 2 for a, b in zip(in_order, sorted(places), strict=True))
    for other in itertools.combinations_with_replacement(range(13), len(places)):  # every way on whole numbers
        if all(b - a >= gap for a, b in itertools.pairwise(other)):
            assert cost <= sum((a - b) ** 2 for a, b in zip(other, sorted(places), strict=True)) + 1e-9


def test_labels_without_room_share_what_there_is():
    assert spread([5, 5, 5], 10, 0, 12) == [0, 6, 12]
    assert spread([], 1, 0, 1) == []


def damaged(key, value, *path):
    run = copy.deepcopy(RECORDS["overfitted"])
    part = run
    for step in path:
        part = part[step]
    part[key] = value
    return run


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        ({}, "the record's corpus is None; expected a dict, as training.json has"),
        (damaged("evaluations", []), "the record holds no evaluation, so there is nothing to draw"),
        (damaged("evaluations", [3]), "the record's evaluations hold 3; expected objects"),
        (damaged("train", math.nan, "evaluations", 2), "training loss at step 100 is nan; expected a number from 0 to"),
        (damaged("validation", math.inf, "evaluations", 2), "validation loss at step 100 is inf; expected a number"),
        (damaged("train", None, "evaluations", 0), "training loss at step 0 is None; expected a number"),
        (damaged("train", -1, "evaluations", 0), "training loss at step 0 is -1; expected a number"),
        (damaged("train", True, "evaluations", 0), "training loss at step 0 is True; expected a number"),
        (damaged("train", "x" * 999, "evaluations", 0), r"training loss at step 0 is 'x+\.\.\.x+'; expected a number"),
        (damaged("step", 10**400, "evaluations", 0), "evaluation step is 1.*; expected a whole number from 0 to"),
        (damaged("step", 1.5, "evaluations", 0), "evaluation step is 1.5; expected a whole number"),
        (damaged("step", 50, "evaluations", 2), "go from step 50 to step 50; expected rising steps"),
        (damaged("best", None), "the record's best is None; expected a dict"),
        (damaged("step", 7, "best"), "best step is 7, but it holds no evaluation of that step"),
        (damaged("ngrams", None), "the record's ngrams is None; expected a dict"),
        (damaged("bigram", math.nan, "ngrams"), "ngrams loss 'bigram' is nan; expected a number"),
        (damaged("ngrams", dict.fromkeys(map(str, range(13)), 1.0)), "ngrams hold 13 losses; expected at most 12"),
        (damaged("name", 5, "corpus"), "the record's name is 5; expected a str"),
        (damaged("vocabulary", "", "corpus"), "corpus vocabulary is ''; expected a whole number"),
        (damaged("n_layer", None, "sizes"), "n_layer is None; expected a whole number"),
    ],
)
def test_a_damaged_record_is_refused_in_a_sentence(run, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        loss_curve(run)
    assert len(str(error.value)) < 200
    assert "\n" not in str(error.value)


def test_drawing_leaves_matplotlib_as_it_is():
    before = matplotlib.rcParams.copy()
    loss_curve(RECORDS["improving"])
    assert matplotlib.rcParams.copy() == before


def test_only_drawing_imports_matplotlib_and_never_pyplot():
    script = """
import json, sys
from strivelm.training.loss_curve import loss_curve
from strivelm.loading import BUNDLED
assert "matplotlib" not in sys.modules
loss_curve(json.loads((BUNDLED / "training.json").read_text("utf-8")))
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
