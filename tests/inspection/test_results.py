"""Results as plain Python and as tables: nothing lost, nothing that JSON has no word for."""

import json
import math
import sys
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strivelm.inspection.results import Result, axes_of


@dataclass(frozen=True, eq=False)
class Inner(Result):
    score: float


@dataclass(frozen=True, eq=False)
class Example(Result):
    chars: Annotated[tuple[str, ...], "position"]
    entropy: Annotated[torch.Tensor, "layer", "position"]
    first: Annotated[np.ndarray, "layer", "position"]
    verdict: Annotated[tuple[str | None, ...], "layer"]
    total: float
    inner: Inner
    by_name: dict
    missing: str | None = None


@pytest.fixture
def example():
    return Example(
        chars=("\n", "\0", "é"),
        entropy=torch.tensor([[0.5, 1.5, -math.inf], [2.0, math.nan, 4.0]], requires_grad=True),
        first=np.arange(6, dtype=np.int16).reshape(2, 3),
        verdict=("induction", None),
        total=np.float32(0.25),
        inner=Inner(math.inf),
        by_name={3: torch.tensor(True), "x": [torch.tensor(1.5, dtype=torch.bfloat16)]},
    )


def test_plain_python_holds_every_field_and_no_infinity(example):
    plain = example.to_dict()
    assert plain == {
        "chars": ["\n", "\0", "é"],
        "entropy": [[0.5, 1.5, None], [2.0, None, 4.0]],
        "first": [[0, 1, 2], [3, 4, 5]],
        "verdict": ["induction", None],
        "total": 0.25,
        "inner": {"score": None},
        "by_name": {"3": True, "x": [1.5]},
        "missing": None,
    }
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert type(plain["total"]) is float
    assert type(plain["by_name"]["3"]) is bool


@given(hnp.arrays(st.sampled_from([np.float32, np.float64, np.int64, np.uint8, bool]), hnp.array_shapes(min_dims=0)))
def test_an_array_and_a_tensor_are_the_same_numbers_in_plain_python(array):
    @dataclass(frozen=True, eq=False)
    class Pair(Result):
        array: np.ndarray
        tensor: torch.Tensor

    plain = Pair(array, torch.from_numpy(np.array(array))).to_dict()
    assert plain["array"] == plain["tensor"]
    if array.dtype.kind == "f":
        back = np.array(plain["array"], dtype=array.dtype)  # None becomes nan
        np.testing.assert_array_equal(back, np.where(np.isfinite(array), array, np.nan))
    else:
        assert plain["array"] == array.tolist()


def test_a_table_has_a_row_for_each_place(example):
    pytest.importorskip("pandas")
    assert axes_of(Example)["entropy"] == ("layer", "position")
    table = example.to_frame("entropy", "first", "chars", "verdict")
    assert list(table.columns) == ["layer", "position", "entropy", "first", "chars", "verdict"]
    assert [(row.layer, row.position) for row in table.itertuples()] == [(i, j) for i in range(2) for j in range(3)]
    assert table["first"].tolist() == [0, 1, 2, 3, 4, 5]
    assert table["chars"].tolist() == ["\n", "\0", "é"] * 2
    assert table["verdict"].tolist()[:3] == ["induction"] * 3
    assert table["verdict"].isna().tolist() == [False] * 3 + [True] * 3
    # A table has words for what is not finite.
    np.testing.assert_array_equal(table["entropy"], [0.5, 1.5, -math.inf, 2.0, math.nan, 4.0])


def test_a_table_of_one_axis_and_of_axes_in_another_order(example):
    pytest.importorskip("pandas")
    assert example.to_frame("chars").to_dict("list") == {"position": [0, 1, 2], "chars": ["\n", "\0", "é"]}
    table = example.to_frame("chars", "entropy")
    assert list(table.columns) == ["position", "layer", "chars", "entropy"]
    assert table["entropy"].tolist()[:2] == [0.5, 2.0]
    assert table["chars"].tolist() == ["\n", "\n", "\0", "\0", "é", "é"]


def test_without_names_a_table_has_what_is_shaped_like_the_first_field(example):
    pytest.importorskip("pandas")

    @dataclass(frozen=True, eq=False)
    class Scores(Result):
        note: str
        entropy: Annotated[torch.Tensor, "layer", "head"]
        chars: Annotated[tuple[str, ...], "position"]
        distance: Annotated[torch.Tensor, "layer", "head"]

    table = Scores("", torch.ones(2, 3), ("a",), torch.zeros(2, 3)).to_frame()
    assert list(table.columns) == ["layer", "head", "entropy", "distance"]
    assert example.to_frame().to_dict("list") == {"position": [0, 1, 2], "chars": ["\n", "\0", "é"]}


def test_what_is_no_table(example):
    pytest.importorskip("pandas")
    with pytest.raises(
        ValueError, match="there is no table of 'total', 'x'; choose from chars, entropy, first, verdict"
    ):
        example.to_frame("total", "x")
    with pytest.raises(ValueError, match="entropy has 2 places along position, other columns have 1"):
        Example(("a",), torch.zeros(1, 2), np.zeros((1, 2)), (None,), 0.0, Inner(0.0), {}).to_frame("chars", "entropy")


def test_without_pandas_the_way_out_is_named(example, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="a table needs pandas: pip install pandas"):
        example.to_frame()
    assert example.to_dict()["first"] == [[0, 1, 2], [3, 4, 5]]
