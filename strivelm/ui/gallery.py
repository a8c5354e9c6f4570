"""Every view of the page alone, with sample data, light and dark, wide and narrow: for working on one.

    python -m strivelm.ui.gallery                      # http://127.0.0.1:7870
    python -m strivelm.ui.gallery --model film --port 7900

Scripts and styles are read again at each reload; after a change of Python, restart it. A view shows the answer to the
question of the same name ("predictions.lens" for the view lens of the tab predictions), about a text that the model can
read; `SAMPLES` has the data of the others.
"""

import argparse
import html
import threading
from collections import ChainMap
from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from strivelm.loading import OpenModel, open_model
from strivelm.ui import app  # noqa: F401  (makes the views of all tabs)
from strivelm.ui.components import header, scripts
from strivelm.ui.components.beside import beside
from strivelm.ui.components.timeline import timeline
from strivelm.ui.components.view import VIEWS, View, read
from strivelm.ui.core import prompts
from strivelm.ui.core.models import Facts, facts_of
from strivelm.ui.core.questions import QUESTIONS
from strivelm.ui.tabs.attention.payload import attention

PORT = 7870
WIDE, NARROW = "max(600px, calc(50% - 8px))", "390px"
FRAMES = ((WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark"))
"""The widths and themes of a view's frames."""
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>StriveLM: all views</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>
  body { margin: 16px; font: 15px/1.5 system-ui, sans-serif; background: #f5f5f4; color: #1c1917; }
  nav { display: flex; flex-wrap: wrap; gap: 4px 12px; }
  section div { display: flex; flex-wrap: wrap; gap: 12px; }
  iframe { box-sizing: border-box; height: 640px; border: 1px solid #a8a29e; border-radius: 6px; resize: vertical; }
</style>
<h1>All views, with sample data of MODEL</h1><nav>LINKS</nav>SECTIONS</html>"""


def sample(name: str, opened: OpenModel) -> object:
    """A view's sample data, for JSON. Raises LookupError, a sentence, if there is none."""
    if name not in VIEWS:
        raise LookupError(f"There is no view {name!r:.40}; expected one of {', '.join(sorted(VIEWS))}.")
    make = SAMPLES.get(name) or partial(answer, f"{VIEWS[name].folder.name}.{name}")
    return make(opened)


def pieces(name: str, opened: OpenModel, **given: object) -> list[dict]:
    """The pieces of the answer to a question about a sample text; one piece if it is not streamed.

    Raises LookupError, a sentence, if there is no such question.
    """
    question = QUESTIONS.get(name)
    if question is None:
        raise LookupError(f"There is no question {name}; say in SAMPLES of strivelm/ui/gallery.py what the view shows.")
    facts = facts_of(opened)
    texts = {"text": prompts.lines(facts), "prompt": prompts.line(facts)}
    arguments = {one.name: texts[one.name] for one in question.arguments if one.name in texts} | given
    models = [opened] if question.models < 2 else [opened, _film()]
    found: Any = question.answer(models, question.checked(arguments))
    return list(found) if question.streamed else [found]


@cache
def _film() -> OpenModel:
    """The model that stands beside another in samples of two."""
    return open_model("film")


def answer(name: str, opened: OpenModel, **given: object) -> dict:
    """The pieces of an answer merged: each name's last value. Raises LookupError as `pieces` does."""
    return dict(ChainMap(*reversed(pieces(name, opened, **given))))


def written(opened: OpenModel) -> dict:
    """A generated text, as the view `text` takes it."""
    head, *grown = pieces("generate.write", opened, **SETTINGS, count=120, text="")
    runs = [{name: head.pop(name) for name in ("from", "seed", "temperature", "top_k", "top_p")}]
    characters = [one for piece in grown for one in piece["characters"]]
    return grown[-1] | {"head": head, "runs": runs, "characters": characters, "overlap": None}


def side_by_side(opened: OpenModel) -> dict:
    """Texts generated with all parts and without a head, as the view `columns` takes them."""
    head, *grown = pieces("generate.without", opened, **SETTINGS, count=60, off="0.0")
    for i, column in enumerate(head["columns"]):
        parts = [piece["columns"][i] for piece in grown]
        column["text"] = "".join(part["text"] for part in parts)
        column |= {name: [x for part in parts for x in part[name]] for name in ("nats", "drawn")}
    joined = {name: [x for piece in grown for x in piece[name]] for name in ("numbers", "partings")}
    return head | grown[-1] | joined | {"columns": head["columns"]}


def about(facts: Facts) -> dict:
    """A model's name, and its numbers of layers and heads."""
    return {"model": facts.name, "layers": facts.layers, "heads": facts.heads}


LESSON = {"title": "Looking back", "steps": [{"link": "?tab=learn&step=3.3", "says": "Who looks at whom?"}]}
SETTINGS = {"temperature": 0.8, "top_k": 20, "top_p": 0.95, "seed": 1}
SAMPLES: dict[str, Callable[[OpenModel], object]] = {
    "attention": lambda opened: attention(opened, prompts.passage(facts_of(opened))),
    "attention_beside": partial(answer, "attention.beside"),
    "beside": lambda opened: beside.shown(facts_of(opened)),
    "bigram_table": partial(answer, "embeddings.table"),
    "columns": side_by_side,
    "diagram": lambda opened: answer("learn.step", opened, step="4")["diagram"],
    "embeddings_beside": partial(answer, "embeddings.beside"),
    "header": lambda opened: header.shown(facts_of(opened)),
    "inner_tabs": lambda opened: None,
    "learn_beside": partial(answer, "learn.beside"),
    "lens_beside": partial(answer, "predictions.both_lenses"),
    "lesson": partial(answer, "learn.step", step="4"),
    "lesson_plan": lambda opened: {"tabs": {"learn": "Learn"}, "lesson": LESSON},
    "lesson_steps": lambda opened: [["1", "The first"], ["1.5", "One between"], ["2", "The last"]],
    "losses_position": partial(answer, "predictions.loss_by_position"),
    "map": partial(answer, "embeddings.tokens"),
    "message": lambda opened: {"kind": "note", "text": f"The model {opened.ref} knows no “é”: it was left out."},
    "neighbours": partial(answer, "embeddings.tokens"),
    "offers": lambda opened: {"tab": "generate", "field": "prompt", "examples": prompts.examples(facts_of(opened))},
    "predictions_beside": partial(answer, "predictions.beside"),
    "sampling_steps": partial(answer, "generate.sampling_steps", **SETTINGS),
    "similarity": partial(answer, "embeddings.tokens"),
    "switches": lambda opened: about(facts_of(opened)),
    "text": written,
    "timeline": lambda opened: timeline.life(open_model("film@step-55")),
}
"""Sample data of the views that have no question of the same name, or one that needs more than a text."""


class Gallery(ThreadingHTTPServer):
    """Serves the gallery, only to this machine. Raises OSError if the port is in use."""

    def __init__(self, opened: OpenModel, port: int = PORT):
        super().__init__(("127.0.0.1", port), Handler)
        self.opened, self.values, self.lock = opened, {}, threading.Lock()

    @property
    def address(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.server_port}/"

    def page(self) -> str:
        """The page of all views."""
        links = "".join(f'<a href="#{name}">{name}</a>' for name in sorted(VIEWS))
        sections = "".join(map(_section, sorted(VIEWS)))
        model = html.escape(self.opened.ref)
        return PAGE.replace("MODEL", model).replace("LINKS", links).replace("SECTIONS", sections)

    def view(self, name: str) -> str:
        """One view as a standalone file, with the scripts and styles on disk. Raises LookupError as `sample` does."""
        with self.lock:  # a view's frames request it at once; its value is made once
            if name not in self.values:
                self.values[name] = sample(name, self.opened)
            read.cache_clear()
            scripts.shared.cache_clear()
            view = VIEWS[name]  # its script and style are cached
            fresh = View(view.folder, view.name, view.template, view.parts, view.styles)
            return fresh.html(self.values[name], f"StriveLM: {name}")


def _section(name: str) -> str:
    frames = "".join(
        f'<iframe loading="lazy" title="{name}, {theme}" style="width: {width}" '
        f'src="/view/{quote(name)}?__theme={theme}"></iframe>'
        for width, theme in FRAMES
    )
    return f'<section id="{name}"><h2>{name} <a href="/view/{quote(name)}">alone</a></h2><div>{frames}</div></section>'


class Handler(BaseHTTPRequestHandler):
    """Answers `/` with the page of all views, and `/view/NAME` with one."""

    server: Gallery

    def do_GET(self):
        """Answers a request."""
        path = unquote(urlsplit(self.path).path)
        try:
            if path == "/":
                page, status = self.server.page(), HTTPStatus.OK
            else:
                page, status = self.server.view(path.removeprefix("/view/")), HTTPStatus.OK
        except LookupError as error:
            page, status = html.escape(error.args[0]), HTTPStatus.NOT_FOUND
        body = page.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *given):
        """Logs nothing."""


def main(arguments: list[str] | None = None) -> None:
    """Serves until Ctrl+C."""
    parser = argparse.ArgumentParser(prog="python -m strivelm.ui.gallery", description="Serves every view alone.")
    parser.add_argument("--model", default="bundled", help="whose data is shown (default: %(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="where it is served (default: %(default)s)")
    flags = parser.parse_args(arguments)
    try:
        gallery = Gallery(open_model(flags.model), flags.port)
    except ValueError as error:
        parser.error(str(error))
    except (OSError, OverflowError) as error:
        parser.error(f"port {flags.port} can't be used ({error}); choose another one with --port")
    print(f"All views are at {gallery.address}, Ctrl+C ends it.", flush=True)
    try:
        gallery.serve_forever()
    except KeyboardInterrupt:
        gallery.server_close()


if __name__ == "__main__":
    main()
