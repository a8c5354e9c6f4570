"""What the tests share: small models whose every weight says something, and the same weights in transformers."""

import os
import re
from pathlib import Path

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
import torch
from hypothesis import settings

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


SLOW = {
    "hub/test_space_faults.py::test_a_deployment_that_breaks_off_again_and_again_goes_on_each_time",
    "space/test_bundle.py::test_the_page_opens_from_what_a_space_gets",
    "test_bundled.py::test_it_writes_words_of_its_text",
    "test_checkpoint.py::test_a_process_that_is_killed_while_it_writes_leaves_the_old_model",
    "test_package.py::test_a_command_without_its_libraries_says_what_to_install",
    "test_scripts.py::test_a_missing_device_is_a_warning",
    "test_scripts.py::test_a_preset_that_counts_on_teachers_says_so_where_there_are_none",
    "test_scripts.py::test_generating_continues_the_start_and_repeats_with_a_seed",
    "test_scripts.py::test_generating_into_a_pipe_that_closes_is_silent",
    "test_scripts.py::test_importing_a_seed_checkpoint_keeps_the_logits",
    "test_scripts.py::test_minutes_alone_decide",
    "test_scripts.py::test_no_terminal_and_no_pipe_ends_a_run",
    "test_scripts.py::test_presets_give_what_the_flags_leave_open",
    "test_scripts.py::test_training_prints_the_seeds_line_a_sample_and_the_verdict",
    "training/test_distillation.py::test_a_student_comes_to_say_what_its_teacher_says",
    "training/test_distillation.py::test_the_command",
    "training/test_distributed.py::test_a_process_that_fails_leaves_the_word_to_the_first",
    "training/test_distributed.py::test_ctrl_c_stops_a_team_which_goes_on_later",
    "training/test_distributed.py::test_together_they_stop_at_an_error_and_resume_what_one_began",
    "training/test_distributed.py::test_two_processes_train_the_model_that_one_trains",
    "training/test_hardware.py::test_bfloat16_trains_to_about_the_same_loss",
    "training/test_hardware.py::test_settling_leaves_nothing_open_and_the_model_alone",
    "training/test_loss_curve.py::test_only_drawing_imports_matplotlib_and_never_pyplot",
    "training/test_resume.py::test_a_full_disk_keeps_the_last_good_state",
    "training/test_resume.py::test_a_killed_run_goes_on_to_the_same_weights",
    "training/test_resume.py::test_a_run_goes_on_with_the_arithmetic_it_began_with",
    "training/test_resume.py::test_ctrl_c_saves_and_says_how_to_go_on",
    "training/test_resume.py::test_resuming_a_run_that_was_killed_before_it_saved_anything",
    "training/test_resume.py::test_resuming_where_nothing_was_saved_starts_from_the_beginning",
    "training/test_run_folder.py::test_float16_halves_the_file_and_keeps_the_loss",
    "training/test_run_folder.py::test_snapshots_are_model_folders_with_their_own_loss",
    "training/test_tracking.py::test_trackio_itself_keeps_a_run_and_goes_on_with_it",
    "training/test_trainer.py::test_a_loss_that_explodes_stops_the_run",
    "training/test_trainer.py::test_events_come_in_order_and_loss_falls",
    "training/test_trainer.py::test_looking_does_not_change_the_training",
    "training/test_trainer.py::test_one_seed_one_model",
    "training/test_trainer.py::test_snapshots_of_a_run_by_the_clock_are_even_in_the_logarithm_too",
    "training/test_trainer.py::test_the_best_weights_are_the_ones_kept",
}
"""Tests that take seconds each, since they train or start processes: `slow`, beside those that are marked so."""
MAY_SKIP = re.compile(
    "needs a GPU|needs HF_TOKEN|is not on this machine|this torch has no Muon|needs TransformerLens|no git checkout"
    "|this machine has the device|a context of one"
)
"""Why a test may be skipped by CI, which installs everything else that a test asks for."""


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
