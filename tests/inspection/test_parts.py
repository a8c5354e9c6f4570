"""Names of heads and MLPs in text."""

import pytest

from strivelm import GPTConfig
from strivelm.inspection.parts import mlp_name, parse_parts

CONFIG = GPTConfig(vocab_size=5, block_size=4, n_layer=2, n_head=3, n_embd=6)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ([], [])),
        (" , ", ([], [])),
        ("0.1", (["0.1"], [])),
        ("1.m", ([], [1])),
        ("1.2, 0.m,0.0,0.m ,1.2,1.m", (["1.2", "0.0"], [0, 1])),
    ],
)
def test_heads_and_mlps_are_read_each_once_in_their_order(text, found):
    assert parse_parts(text, CONFIG) == found


@pytest.mark.parametrize(
    "wrong", ["m1", "2.0", "0.3", "2.m", "0", "00.1", "0.01", "-1.0", "0.M", "0.1.m", "none", "<b>"]
)
def test_what_the_model_has_not_is_refused(wrong):
    with pytest.raises(ValueError, match=r"no part .*expected heads from 0\.0 to 1\.2 and MLPs from 0\.m to 1\.m"):
        parse_parts(f"0.1,{wrong}", CONFIG)


def test_names_are_read_back():
    assert parse_parts(",".join(map(mlp_name, range(2))), CONFIG) == ([], [0, 1])
