"""The life of a model on the Hub: its branches and tags step-N, whatever else there is, and whatever breaks."""

import json
import shutil

import pytest
from browser.conftest import FLAGS, find_chromium

from strivelm.hub.client import HubError, UnreachableError

STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
REFS = "GET /api/models/alice/one/refs"


def record(step, of=STEPS):
    """What training.json says at a step: all evaluations so far."""
    known = [{"step": one, "train": 1.0, "validation": 4.0 - 0.25 * i} for i, one in enumerate(of) if one <= step]
    return {"best": known[-1], "evaluations": known, "corpus": {"name": "a text"}, "snapshot": step != of[-1]}


@pytest.fixture
def film(publish, make_model, tmp_path):
    """alice/one with twelve branches step-N; main is the last of them."""
    for i, step in enumerate((*STEPS, "main")):
        place = tmp_path / str(step)
        make_model(seed=min(i, 11) + 1, chars="ab \n").save_pretrained(place)
        (place / "training.json").write_text(json.dumps(record(STEPS[-1] if step == "main" else step)))
        publish(place, branch="main" if step == "main" else f"step-{step}")


@pytest.mark.parametrize("ref", ["alice/one", "alice/one@main", "alice/one@step-8"])
def test_every_branch_is_a_snapshot_with_its_loss(film, client, ref):
    found = client("lived", ref)
    losses = [4.0 - 0.25 * i for i in range(12)]
    assert found["of"] == "alice/one"
    assert found["snapshots"] == [(f"alice/one@step-{n}", n, loss) for n, loss in zip(STEPS, losses, strict=True)]
    assert found["losses"] == list(zip(STEPS, losses, strict=True))


def test_tags_count_and_other_branches_do_not(film, hub, client):
    repo = hub.store.repos["models", "alice/one"]
    repo.tags["step-2048"] = repo.branches["main"]
    for name in ("v1", "step-7x", "step-", "step-007", "old/step-9"):
        repo.branches[name] = repo.branches["main"]
    assert [step for _, step, _ in client("lived", "alice/one")["snapshots"]] == [*STEPS, 2048]


def test_a_repo_without_snapshots_has_no_life(publish, run_folder, client):
    publish(run_folder)
    assert client("lived", "alice/one") is None


def test_one_request_lists_them_and_one_more_reads_the_record_where_a_snapshot_is_open(film, hub, client):
    client("lived", "alice/one@step-8")
    hub.breakable.log.clear()
    client("lived", "alice/one@step-8")
    lists = [line for line in hub.breakable.log if line.endswith("/refs") or "/resolve/main/" in line]
    assert lists == [REFS, "GET /alice/one/resolve/main/training.json"]


@pytest.mark.parametrize("kind", ["status", "page", "drop", "stall", "cut"])
def test_a_hub_that_does_not_say_is_a_sentence(film, hub, client, kind):
    hub.breakable.fail(REFS, kind, times=9)
    with pytest.raises((UnreachableError, HubError)) as caught:
        client("lived", "alice/one", {"seconds": 4.0})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("answer", [[], {"branches": 3}, {"branches": [{"name": 3}]}, {"tags": [{"name": "step-1"}]}])
def test_an_answer_that_is_not_the_hub_s_is_a_sentence(film, hub, client, answer, monkeypatch):
    from starlette.responses import JSONResponse

    real = hub.breakable.app

    async def app(scope, receive, send):
        if scope.get("path", "").endswith("/refs"):
            return await JSONResponse(answer)(scope, receive, send)
        return await real(scope, receive, send)

    monkeypatch.setattr(hub.breakable, "app", app)
    if answer == []:
        with pytest.raises(HubError):
            client("lived", "alice/one")
    else:
        with pytest.raises(HubError, match="does not answer as the Hub does"):
            client("lived", "alice/one")


def test_without_the_main_record_a_snapshot_s_own_counts(film, hub, client):
    hub.breakable.fail("GET /alice/one/resolve/main/training.json", "status", times=9, status=404)
    found = client("lived", "alice/one@step-4")
    assert found["losses"] == [(0, 4.0), (1, 3.75), (2, 3.5), (4, 3.25)]
    assert [step for _, step, _ in found["snapshots"]] == list(STEPS)


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(_pool):
    """A Chromium; the process of the client is started before it."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium was found; install one (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def page(film, client, browser):
    """A page over bundled, at alice/one@step-8, on Predictions, when its timeline is there."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    found = context.new_page()
    found.set_default_timeout(30_000)
    found.goto(f"{client('page_of', 'bundled')}?model=alice/one@step-8&tab=predictions&text=ab ba")
    yield found
    context.close()


PLOT = "#timeline .plot"


def stands_on(page, step):
    at = STEPS.index(step)
    page.wait_for_selector(f"{PLOT}[aria-valuenow='{at}']")
    page.wait_for_function(
        "ref => new URLSearchParams(location.search).get('model') === ref", arg=f"alice/one@step-{step}"
    )
    page.wait_for_function("ref => strivelm.chosen.model === ref", arg=f"alice/one@step-{step}")


def mean(page):
    page.wait_for_function("!document.querySelector('#losses [data-waiting=true], #losses[data-waiting=true]')")
    return page.text_content("#losses .means .value")


@pytest.mark.browser
def test_the_page_shows_it_and_goes_to_other_steps(page):
    page.wait_for_selector(f"{PLOT} .knob")
    assert page.locator(f"{PLOT} .tick").count() == 12
    page.wait_for_selector("#losses .means .value")
    before = mean(page)
    page.press(PLOT, "End")
    stands_on(page, 1024)
    assert mean(page) != before
    assert page.locator(".strivelm-spark").count() == 0  # nobody asked for all steps
    page.click("#timeline .curves")
    page.wait_for_selector("#losses .mean-training .strivelm-spark")


@pytest.mark.browser
def test_a_broken_revision_and_one_that_vanished_are_sentences_and_the_rest_goes_on(page, hub, publish, tmp_path):
    page.wait_for_selector(f"{PLOT} .knob")
    shutil.copytree(tmp_path / "16", tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"not these")
    publish(tmp_path / "broken", branch="step-16")
    del hub.store.repos["models", "alice/one"].branches["step-4"]
    for key, step in (("ArrowRight", 16), ("ArrowLeft", 4)):
        page.press(PLOT, key)
        page.wait_for_selector(f"#timeline .note:has-text('Step {step} can’t be opened')")
        page.wait_for_selector(f"{PLOT}[aria-valuenow='4']")
        assert page.evaluate("strivelm.chosen.model") == "alice/one@step-8"
        assert page.text_content("#header dd") == "alice/one@step-8, step 8"
    page.press(PLOT, "Home")
    stands_on(page, 0)
    assert page.text_content("#timeline .note") == ""


@pytest.mark.browser
def test_a_slow_hub_is_said_and_overtaken(page, hub):
    page.wait_for_selector(f"{PLOT} .knob")
    hub.breakable.fail("/alice/one/revision/step-1?$", "stall", times=9)
    hub.breakable.fail("GET /api/models/alice/one/revision/step-1$", "stall", times=9)
    page.press(PLOT, "PageDown")  # to step 1, which does not come
    page.wait_for_selector("#timeline .where:has-text('Opening step 1…')")
    page.press(PLOT, "End")
    stands_on(page, 1024)


@pytest.mark.browser
def test_steps_that_can_not_be_listed_are_a_sentence_and_the_model_is_there(film, hub, client, browser):
    hub.breakable.fail(REFS, "status", times=9)
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{client('page_of', 'bundled')}?model=alice/one@step-2&tab=predictions&text=ab ba")
    page.wait_for_selector("#timeline .note:has-text('The steps of its training can\\'t be listed')")
    page.wait_for_selector("#losses .means .value")
    assert page.locator("#timeline section").is_hidden()
    context.close()
