"""What the tests share: small models whose every weight says something, and the same weights in transformers."""

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
import torch
from hypothesis import settings
from tiers import MAY_SKIP, SLOW

from strivelm import GPT

torch.set_num_threads(1)  # the default's spinning threads collapse when anything else runs
settings.register_profile("house", derandomize=True, database=None, deadline=None, max_examples=60)
settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items):
    """Leaves what needs minutes to CI=true and to `pytest -m slow`."""
    for item in items:
        if f"{item.path.relative_to(Path(__file__).parent).as_posix()}::{item.originalname}" in SLOW:
            item.add_marker("slow")
    if os.environ.get("CI") == "true":
        return
    for item in items:
        asked = "slow" in (item.config.option.markexpr or "")
        if item.get_closest_marker("slow") and not asked:
            item.add_marker(pytest.mark.skip(reason="needs minutes: run with `-m slow`, or CI=true"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Fails what CI skips for want of something that .ci/run installs."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not MAY_SKIP.search(reason):
            report.outcome, report.longrepr = "failed", f"CI may not skip this: {reason}"
    return report


# A line break at id 0 (where careless masks bite), blanks, an accent of its own, characters of 1 to 4 bytes.
CHARS = "\n\t !'.:?ABCabcdefghij\u0301é漢😀"


def make(n_layer=2, n_head=2, n_embd=32, block_size=16, chars=CHARS, vocab_size=None, dropout=0.0, seed=1, std=0.15):
    """A GPT in evaluation mode with weights far from their initial ones.

    A fresh model's logits are nearly equal, its biases 0 and its gains 1: wrong ones would look right.
    """
    model = GPT(vocab_size or len(chars), block_size, n_layer, n_head, n_embd, dropout, chars)
    stream = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            middle = 1.0 if "ln" in name and name.endswith("weight") else 0.0  # a LayerNorm's gain
            parameter.copy_(middle + std * torch.randn(parameter.shape, generator=stream))
    return model.eval()


@pytest.fixture(scope="session")
def make_model():
    """The function that makes small models; every keyword of GPT, a `seed`, and the weights' `std`."""
    return make


@pytest.fixture
def model(make_model):
    """A model of 2 layers, 2 heads, 32 wide, context 16, that speaks `model.tokenizer.chars`."""
    return make_model()


@pytest.fixture
def folder(model, tmp_path):
    """The folder in which `model` is saved."""
    model.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture(scope="session")
def transformers():
    """The transformers library, imported by the tests that need it only, without its progress bars."""
    import transformers

    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    return transformers


@pytest.fixture(scope="session")
def gpt2(transformers):
    """The function that opens a folder as transformers' GPT2LMHeadModel."""

    def open_folder(folder, dtype=torch.float32):
        found = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
        assert type(found).__name__ == "GPT2LMHeadModel"
        return found.eval()

    return open_folder


@pytest.fixture
def random_ids():
    """The function that draws ids of a shape for a model, the same each time."""

    def draw(model, *shape, seed=0):
        return torch.randint(model.vocab_size, shape, generator=torch.Generator().manual_seed(seed))

    return draw
