"""Teachers: what they expect of a text, and what a student makes of it."""

import copy
import dataclasses
import json

import pytest
import torch
from commands import SMALL, run

from strivelm.config import Sizes
from strivelm.data.corpus import corpus_from_text
from strivelm.training import ResumeError, distillation, new_model, train
from strivelm.training.config import TrainConfig
from strivelm.training.distillation import soft_targets
from strivelm.training.distributed import ProcessGroup
from strivelm.training.events import Resumable

SIZES = Sizes(n_layer=1, n_head=2, n_embd=16, block_size=12, dropout=0.1)
CONFIG = TrainConfig(max_steps=20, batch_size=4, eval_interval=10, warmup_steps=2, distillation=0.7)
TEXT = "the cat sat on the mat; the dog sat on the log. " * 12


@pytest.fixture
def corpus():
    return corpus_from_text(TEXT, "cats and dogs")


def teacher(corpus, seed, block_size=12, std=0.5):
    """A model that holds strong opinions, of whatever kind."""
    model = new_model(corpus, dataclasses.replace(SIZES, block_size=block_size), seed)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=std, generator=torch.Generator().manual_seed(seed))
    return model.train()


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("T", [1, 2, 3, 8, 12, 13, 64])
@pytest.mark.parametrize("characters", [2, 7, 12, 13, 24, 25, 26, 61])
def test_each_character_is_read_once_with_half_a_context_before_it(T, characters):
    read = []
    for starts, length, kept in distillation._windows(characters, T):
        for start in starts.tolist():
            assert start >= 0
            assert start + length <= characters
            assert length <= T
            for place in range(start + length - kept, start + length):
                read.append(place)
                assert place - start >= min(place, T - max(1, T // 2))
    assert sorted(read) == list(range(characters))


def test_what_is_expected_is_the_teachers_mean(corpus):
    """Against each teacher, asked about one character at a time, in float64."""
    teachers = [teacher(corpus, 1), teacher(corpus, 2, block_size=8)]
    ids, made = corpus.train.long(), soft_targets(teachers, corpus)
    assert made.expected.shape == (len(ids), len(corpus.tokenizer))
    assert all(t.training for t in teachers), "left as they were"
    whole = [t.double().eval() for t in teachers]
    for place in (0, 5, 7, 8, 11, 12, 100, len(ids) - 2, len(ids) - 1):
        said = []
        for model in whole:
            T = model.block_size
            step = T // 2
            start = 0 if place < T else min((place - T) // step * step + step, len(ids) - T)
            said.append(model(ids[None, start : place + 1])[0][0, -1].softmax(-1))
        assert torch.allclose(made.expected[place].double(), sum(said) / 2, atol=1e-3), place


def test_a_team_shares_the_reading(corpus):
    whole = soft_targets([teacher(corpus, 1)], corpus)

    class Silent(ProcessGroup):
        def sum(self, tensors):
            pass

    parts = [soft_targets([teacher(corpus, 1)], corpus, group=Silent(rank, 3)).expected for rank in range(3)]
    assert torch.equal(sum(parts), whole.expected)
    assert all((part.sum(-1) > 0.5).any() for part in parts)


def test_the_loss_is_lowest_where_the_student_says_what_they_say(corpus):
    made = soft_targets([teacher(corpus, 1)], corpus)
    starts = torch.tensor([3, 40])
    expected = torch.stack([made.expected[start : start + 12] for start in starts]).double()
    entropy = -(expected * expected.clamp(min=1e-12).log()).sum(-1).mean().item()
    agreed = expected.clamp(min=1e-12).log()
    assert made.loss(agreed, starts).item() == pytest.approx(entropy, abs=2e-3)  # the table's float16 sums to 1 ± 1e-3
    other = torch.randn(agreed.shape, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    divergence = (expected * (expected.clamp(min=1e-12).log() - other.log_softmax(-1))).sum(-1).mean().item()
    assert made.loss(other, starts).item() == pytest.approx(entropy + divergence, abs=2e-3)


def trained(corpus, config, given=None):
    model = new_model(corpus, SIZES, 0)
    *_, finished = train(model, corpus, config, soft_targets=given)
    return model, finished


def test_the_share_decides_between_text_and_teachers(corpus):
    made = soft_targets([teacher(corpus, 1)], corpus)
    alone, _ = trained(corpus, CONFIG)
    deaf, _ = trained(corpus, dataclasses.replace(CONFIG, distillation=0.0), made)
    assert torch.equal(weights(alone), weights(deaf))
    halfway, _ = trained(corpus, CONFIG, made)
    assert not torch.equal(weights(alone), weights(halfway))
    one_hot = torch.nn.functional.one_hot(torch.cat([corpus.train[1:], corpus.train[:1]]).long(), len(corpus.tokenizer))
    certain = dataclasses.replace(made, expected=one_hot.half())
    told, _ = trained(corpus, dataclasses.replace(CONFIG, distillation=1.0), certain)
    assert torch.allclose(weights(told), weights(alone), atol=1e-3), "a teacher that repeats the text teaches the text"


def test_a_student_comes_to_say_what_its_teacher_says(corpus):
    made = soft_targets([teacher(corpus, 1, std=0.3)], corpus)
    config = dataclasses.replace(CONFIG, max_steps=300, eval_interval=300, distillation=1.0)
    model = new_model(corpus, dataclasses.replace(SIZES, dropout=0.0), 0)
    starts = torch.arange(0, len(corpus.train) - 12, 12)
    windows = torch.stack([corpus.train[start : start + 12] for start in starts]).long()

    def away():
        expected = torch.stack([made.expected[start : start + 12] for start in starts]).float()
        entropy = -(expected * expected.clamp(min=1e-7).log()).sum(-1).mean()
        return (made.loss(model(windows)[0], starts) - entropy).item()

    before = away()
    for _ in train(model, corpus, config, soft_targets=made):
        pass
    assert away() < before / 4


def test_a_taught_run_goes_on_with_the_same_teachers_only(corpus):
    made = soft_targets([teacher(corpus, 1)], corpus)
    whole, _ = trained(corpus, CONFIG, made)
    calls = []
    for event in train(
        new_model(corpus, SIZES, 0), corpus, CONFIG, stop=lambda: calls.append(1) or len(calls) == 7, soft_targets=made
    ):
        if isinstance(event, Resumable):
            state = copy.deepcopy(event.state())  # whose tensors are live
    resumed = new_model(corpus, SIZES, 0)
    *_, _ = train(resumed, corpus, CONFIG, resume=state, soft_targets=soft_targets([teacher(corpus, 1)], corpus))
    assert torch.equal(weights(resumed), weights(whole))
    for others in (None, soft_targets([teacher(corpus, 2)], corpus)):
        with pytest.raises(
            ResumeError, match=r"other settings \(the teachers: sha256 [0-9a-f]{12}… then, (none|sha256 .*) now\)"
        ):
            train(new_model(corpus, SIZES, 0), corpus, CONFIG, resume=state, soft_targets=others)


def test_what_can_not_teach_is_refused(corpus, monkeypatch):
    with pytest.raises(ValueError, match="no teacher; expected at least one"):
        soft_targets([], corpus)
    other = corpus_from_text("abc" * 100, "another text")
    with pytest.raises(ValueError, match=f"teacher 2 knows other characters than the text's {len(corpus.tokenizer)}"):
        soft_targets([teacher(corpus, 1), teacher(other, 1)], corpus)
    with pytest.raises(ValueError, match="the soft targets are of another text"):
        train(new_model(corpus, SIZES, 0), corpus, CONFIG, soft_targets=soft_targets([teacher(other, 1)], other))
    monkeypatch.setattr(distillation, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match=r"would need 0.0 GiB of memory; expected at most 0 GiB"):
        soft_targets([teacher(corpus, 1)], corpus)
    with pytest.raises(ValueError, match=r"distillation is 1.5; expected a number from 0 to 1"):
        TrainConfig(distillation=1.5)


def test_the_command(tmp_path):
    flags = [*SMALL, "--max-steps", 4, "--eval-interval", 2, "--eval-characters", 1000, "--sample", 0]
    for seed in (1, 2):
        assert run("train.py", "--out", tmp_path / f"t{seed}", *flags, "--seed", seed).returncode == 0
    given = ["--teachers", tmp_path / "t1", tmp_path / "t2", "--distillation", 0.6]
    done = run("train.py", "--out", tmp_path / "student", *flags, *given)
    assert done.returncode == 0, done.stderr
    assert "the weight of their soft targets: 0.6" in done.stdout
    record = json.loads((tmp_path / "student" / "training.json").read_text())
    assert [t["name"] for t in record["teachers"]] == [str(tmp_path / "t1"), str(tmp_path / "t2")]
    assert len({t["sha256"] for t in record["teachers"]}) == 2
    assert record["training"]["distillation"] == 0.6
    assert "learnt what other models expect on average" in (tmp_path / "student" / "README.md").read_text()
    dry = run("train.py", "--out", tmp_path / "new", *flags, *given, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "Nothing was trained, written or sent" in dry.stdout
    another = run("train.py", "--out", tmp_path / "new", *flags, "--teachers", "strivelm/assets/film", "--dry-run")
    assert another.returncode == 1
    assert "teacher 1 knows other characters than the text's" in another.stderr
    missing = run("train.py", "--out", tmp_path / "new", *flags, "--teachers", tmp_path / "nobody")
    assert missing.returncode == 1
    assert "nobody" in missing.stderr
    assert "Traceback" not in missing.stderr
    assert not (tmp_path / "new").exists()
