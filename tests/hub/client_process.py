"""What the tests let the client's process do. It is one of its own, as the client reads HF_ENDPOINT when imported.

Each function takes and returns plain values. Errors come back as they were raised.
"""

import hashlib
import os
import threading
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import torch
from huggingface_hub import constants

from strivelm import GPT, open_model
from strivelm.data.corpus import load_corpus
from strivelm.hub import background, publish, run_state
from strivelm.hub.client import Limits
from strivelm.space import deploy, waiting
from strivelm.verification import verify

torch.set_num_threads(1)
deploy.deploy.__kwdefaults__.update(poll=0.01, settle=0.3, timeout=20.0)  # the loopback Hub needs no time to build
waiting.LOG_SECONDS = 2.0
background.PAUSE = background.LONGEST_PAUSE = 0.1
QUICK = {"wait": 1.0, "seconds": 8.0, "max_attempts": 2, "retry_delay": 0.05}


def fingerprint(model: GPT) -> str:
    """What tells two models apart: the sha256 of their weights and their configuration."""
    digest = hashlib.sha256(repr(model.config).encode())
    for parameter in model.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    return digest.hexdigest()


def opened(ref: str, limits: dict | None = None, **how) -> dict:
    """A model from the Hub, told in plain values; what was warned of; and the bytes that were heard of on the way."""
    heard = []
    limits = Limits(**QUICK | (limits or {}))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = open_model(ref, limits=limits, progress=lambda done, total: heard.append((done, total)), **how)
    return {
        "ref": found.ref,
        "model": fingerprint(found.model),
        "commit": found.commit,
        "validation_loss": found.validation_loss,
        "chars": found.model.config.chars,
        "warnings": [str(warning.message) for warning in said if warning.category is UserWarning],
        "heard": heard,
    }


def from_pretrained(ref: str, **how) -> str:
    """The fingerprint of what GPT.from_pretrained opens."""
    return fingerprint(GPT.from_pretrained(ref, **how))


def measured(ref: str, limits: dict | None = None, **how) -> tuple[str, float, float]:
    """Why a model is refused, after how many seconds of work, and with how many megabytes more at the peak."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
    before, begun = _peak(), time.process_time()
    try:
        opened(ref, limits, **how)
        message = ""
    except ValueError as error:
        message = f"{type(error).__name__}: {error}"
    return message, time.process_time() - begun, _peak() - before


def _peak() -> float:
    """The most memory that the process ever held, in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def script(name: str, *args: str) -> tuple[int, str, str]:
    """The exit code, the output and the errors of a script, called in this process."""
    from commands import run

    done = run(name, *args)
    return done.returncode, done.stdout, done.stderr


def trained(*args: str, stop_at: int | None = None, break_at: int | None = None, seconds: float = 0.0):
    """What the command train leaves, as `script` does; errors end it as they would end a process.

    Args:
        stop_at: the step after which Ctrl-C is pressed.
        break_at: the step in which the process is killed, as far as it can see: nothing is done after it.
        seconds: what each step takes longer.
    """
    from commands import run

    from strivelm.cli import sharing, training_output
    from strivelm.training.trainer import Trainer

    step, steps = Trainer.take_step, []

    def slowly(trainer):
        time.sleep(seconds)
        steps.append(trainer.steps)
        if trainer.steps == break_at:
            raise OSError("the power failed")
        return step(trainer)

    def pressed(_):
        return stop_at is not None and steps[-1] + 1 >= stop_at

    with (
        mock.patch.object(Trainer, "take_step", slowly),
        mock.patch.object(training_output.CtrlC, "__call__", pressed),
        mock.patch.object(sharing, "SILENCE", 1.0),
    ):
        done = run("train.py", *args)
    return done.returncode, done.stdout, done.stderr


def pushes_in_threads(patience: float) -> list[str]:
    """The threads that still push, after so many seconds at most."""
    found = [thread for thread in threading.enumerate() if thread.name == "strivelm-push"]
    for thread in found:
        thread.join(patience)
    return [thread.name for thread in found if thread.is_alive()]


def fetched_run(repo: str, into, **how) -> list[str]:
    """What `run_state.fetch_run` says is missing."""
    return run_state.fetch_run(repo, Path(into), limits=Limits(**QUICK), **how)


def verified(ref: str, data: str | None = None, **how) -> tuple[dict, bool]:
    """What `verify` says is wrong with each snapshot, and whether there was a manifest."""
    report = verify(ref, load_corpus(data) if data else None, limits=Limits(**QUICK), **how)
    return {one.name: one.wrong for one in report.snapshots}, report.listed


def library(name: str, *args, **how):
    """What a function of huggingface_hub returns: "HfApi.model_info", "snapshot_download"."""
    import huggingface_hub

    target = huggingface_hub
    for part in name.split("."):
        target = getattr(target() if isinstance(target, type) else target, part)
    return target(*args, **how)


def call(name: str, *args, **how):
    """What a function of this module returns. Errors that are not the package's own come as text: some can't travel."""
    try:
        return globals()[name](*args, **how)
    except ValueError:
        raise
    except Exception:
        raise AssertionError(traceback.format_exc()) from None


def environment(**variables: str | None) -> dict[str, str | None]:
    """Sets variables of the process, None removes; returns what they were."""
    before = {name: os.environ.get(name) for name in variables}
    for name, value in variables.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    return before


def pushed(folder, repo: str, **how) -> str:
    """What `publish.push` returns."""
    return publish.push(folder, repo, **how)


def pushed_aloud(folder, repo: str, **how) -> list[tuple[int, int, str]]:
    """What `publish.push` lets be heard."""
    heard = []
    publish.push(folder, repo, progress=lambda *said: heard.append(said), **how)
    return heard


def push_itself(folder, repo: str, **how) -> str:
    """What `GPT.push_to_hub` of the model in a folder returns."""
    return GPT.from_pretrained(folder).push_to_hub(repo, **how)


def checked(repo: str, **how) -> str:
    """What `publish.check` returns."""
    return publish.check(repo, **how)


def deployed(repo: str, root, **how) -> tuple[str, list[str]]:
    """What `deploy.deploy` returns, and what it lets be heard."""
    heard: list[str] = []
    return deploy.deploy(repo, root=Path(root), report=heard.append, **how), heard


def planned(repo: str, root, **how) -> deploy.Planned:
    """What `deploy.plan` returns."""
    return deploy.plan(repo, root=Path(root), **how)


def planned_push(folder, repo: str, **how) -> tuple[str, list[publish.Planned]]:
    """What `publish.plan` returns."""
    return publish.plan(folder, repo, **how)


def in_two_worlds(repo: str, text: str, token: str) -> tuple[list, list, str]:
    """The logits of a text by a Hub model, ours and those of transformers, and the text as its tokenizer reads it."""
    import transformers

    ours = GPT.from_pretrained(repo, token=token)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(repo, token=token).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(repo, token=token)
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return ours(ids)[0].tolist(), theirs(ids).logits.tolist(), tokenizer.decode(ids[0])


def opened_at_once(ref: str, times: int, **how) -> list[str]:
    """The fingerprints of a model that is opened several times at the same time."""
    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(lambda _: fingerprint(open_model(ref, **how).model), range(times)))


def work_in(folder) -> str:
    """Makes a folder the current one; returns which it was."""
    before = os.getcwd()
    os.chdir(folder)
    return before


def set_constant(name: str, value: object) -> object:
    """Sets what a variable such as HF_HUB_OFFLINE, read when the client is imported, would have set; what it was."""
    before = getattr(constants, name)
    setattr(constants, name, value)
    return before


def picked(ref: str) -> list[dict]:
    """What the page's picker says and shows while a reference is opened; None for what stays as it is."""
    from serving import open_random

    from strivelm.ui.components import picker
    from strivelm.ui.core import models

    page, names = models.Models(open_random("ab \n")), ("current", "header", "said", "asked")
    rows = picker.switch(page, ref, "noise")
    return [{n: v if isinstance(v, str) else None for n, v in zip(names, row, strict=True)} for row in rows]


def lived(ref: str, limits: dict | None = None) -> dict | None:
    """The life of a model from the Hub: (reference, step, loss) of each snapshot, and every evaluation."""
    from strivelm.snapshots import life_of

    bounds = Limits(**QUICK | (limits or {}))
    found = life_of(open_model(ref, limits=bounds), bounds)
    if found is None:
        return None
    snapshots = [(one.ref, one.step, one.validation_loss) for one in found.snapshots]
    return {"of": found.of, "snapshots": snapshots, "losses": list(found.losses)}


_pages: list = []


def page_of(ref: str) -> str:
    """The address of a page over a model, which is served until the next one is."""
    from serving import free_port

    from strivelm.ui import build, launch_options

    for page in _pages:
        page.close(verbose=False)
    _pages[:] = [build(open_model(ref))]
    options = launch_options() | {"quiet": True, "prevent_thread_lock": True}
    return _pages[0].launch(server_name="127.0.0.1", server_port=free_port(), **options)[1]


def forget_session() -> None:
    """Lets the client open its connections anew: it reads what the environment says of proxies when it opens them."""
    from huggingface_hub.utils import close_session

    close_session()
