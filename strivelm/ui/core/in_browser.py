"""Texts that a visitor's own machine writes (`strivelm.web`): who decides it, and where a browser finds what it needs.

Models of the package come from this page, at addresses that name their content, so that browsers keep them; a Hub model
comes from the Hub, at the commit that is open here. The owner's own folders are not given away: of such a model the
server writes.
"""

import gzip
import hashlib
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from huggingface_hub import constants
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from strivelm.checkpoint import CONFIG, TOKENIZER, WEIGHTS
from strivelm.loading import ASSETS, OpenModel, parse_ref
from strivelm.ui.core import gpu
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.python_lines import load_line
from strivelm.ui.core.questions import question
from strivelm.web import CHOSEN, WRITERS, script

ROUTE = "/strivelm"
OPEN = {"access-control-allow-origin": "*"}
"""For what other pages may take along as well."""
KEPT = OPEN | {"cache-control": "public, max-age=31536000, immutable"}
"""For what never changes under its address."""
FILES = {"config": CONFIG, "weights": WEIGHTS, "tokenizer": TOKENIZER}


def writer() -> str:
    """Who writes the page's texts. Raises ValueError for a choice that is none.

    Where the owner says nothing it is the server; where a GPU is lent from the visitor's quota, the visitor's browser.
    """
    chosen = os.environ.get(CHOSEN) or ("browser" if gpu.lent() else "server")
    if chosen not in WRITERS:
        raise ValueError(f"{CHOSEN} is {chosen!r}; expected one of {', '.join(WRITERS)}")
    return chosen


@question("web.model", device=False)
def model(opened: OpenModel) -> dict:
    """Where a browser finds a model's files, as addresses below this page or whole ones, and what the page says of it.

    files is None where they are not for visitors.
    """
    facts = facts_of(opened)
    return {
        "files": files_of(opened),
        "about": {"name": facts.name, "load": load_line(opened), "loss": facts.validation_loss},
    }


def files_of(opened: OpenModel) -> dict[str, str] | None:
    """The addresses of a model's config, weights and tokenizer."""
    if opened.folder is None:
        return None
    if opened.folder.is_relative_to(ASSETS):
        where = f"{ROUTE[1:]}/models/{_digest(opened.folder / WEIGHTS)}/{opened.folder.relative_to(ASSETS).as_posix()}"
    elif opened.commit:
        where = f"{constants.ENDPOINT}/{parse_ref(opened.ref, public=True)[0]}/resolve/{opened.commit}"
    else:
        return None
    return {key: f"{where}/{name}" for key, name in FILES.items() if (opened.folder / name).is_file()}


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def routes(limits: Mapping[str, object]) -> list[Route]:
    """The page's own addresses: scripts of the worker and of <strivelm-text>, and the files of the package's models.

    Args:
        limits: as in `strivelm.web.script.worker`.
    """
    worker, element = _script(script.worker(limits)), _script(script.element(limits))

    def file(request: Request) -> Response:
        path = ASSETS / request.path_params["name"]
        ours = path.name in FILES.values() and path.resolve().is_relative_to(ASSETS.resolve()) and path.is_file()
        if not ours or _digest(path.with_name(WEIGHTS)) != request.path_params["digest"]:
            return PlainTextResponse("There is no such file.", 404)
        return FileResponse(path, headers=KEPT)

    return [
        Route(f"{ROUTE}/worker.js", worker),
        Route(f"{ROUTE}/text.js", element),
        Route(f"{ROUTE}/models/{{digest}}/{{name:path}}", file),
    ]


def _script(text: str) -> Callable[[Request], Response]:
    """What answers with a script: packed for those who take it so, and only that it is the same for who has it."""
    content = text.encode()
    packed, tag = gzip.compress(content, mtime=0), f'"{hashlib.sha256(content).hexdigest()[:16]}"'

    def answer(request: Request) -> Response:
        # Other pages may take it along as well.
        headers = {
            "etag": tag,
            "cache-control": "no-cache",
            "vary": "accept-encoding",
            "access-control-allow-origin": "*",
        }
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type="text/javascript", headers=headers | {"content-encoding": "gzip"})
        return Response(content, media_type="text/javascript", headers=headers)

    return answer
