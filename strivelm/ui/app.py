"""The page: a header with the open model, and the tabs."""

import json

import gradio as gr
from starlette.middleware import Middleware

from strivelm.loading import OpenModel
from strivelm.ui import limits, theme
from strivelm.ui.api import endpoints
from strivelm.ui.components import picker, scripts
from strivelm.ui.components.beside import beside
from strivelm.ui.components.lesson_plan import lesson_plan
from strivelm.ui.components.view import read
from strivelm.ui.core import in_browser
from strivelm.ui.core.blocks import Blocks
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.guard import Guard
from strivelm.ui.core.models import Models
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.attention import tab as attention
from strivelm.ui.tabs.embeddings import tab as embeddings
from strivelm.ui.tabs.generate import tab as generate
from strivelm.ui.tabs.generate.in_browser import LIMITS
from strivelm.ui.tabs.learn import tab as learn
from strivelm.ui.tabs.predictions import tab as predictions

TABS = (
    ("generate", "Generate", generate.build),
    ("attention", "Attention", attention.build),
    ("embeddings", "Embeddings", embeddings.build),
    ("predictions", "Predictions", predictions.build),
    ("learn", "Learn", learn.build),
)
"""Each tab's id, which is used in addresses, its title, and its `build`."""


def build(model: OpenModel, offered: tuple[str, ...] = ()) -> gr.Blocks:
    """The page over a model, with its queue set, ready to be launched with `launch_options()`.

    Args:
        offered: further models that the picker lists.

    Raises ValueError for a model without a vocabulary.
    """
    models = Models(model, offered)
    with Blocks(title="StriveLM", analytics_enabled=False) as blocks:
        current = gr.Textbox(models.own, visible="hidden", elem_id="current", label="The open model")
        head = picker.build(models)
        second = beside.build(models)
        lesson_plan.build({id: title for id, title, _ in TABS})
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
            page = Page(models, Dispatcher(models), current, tabs)
            for id, title, fill in TABS:
                with gr.Tab(title, id=id) as tab:
                    fill(page)
                tab.select(None, None, None, js=f"() => strivelm.turn({json.dumps(id)})")
        page.wire_carried()
        picker.wire(blocks, page, head, tuple(id for id, _, _ in TABS))
        beside.wire(models, second)
        endpoints.offer(page.dispatcher)
    # Unqueued calls of queued events are refused: they would know no limits.
    return blocks.queue(default_concurrency_limit=limits.CONCURRENT, api_open=False)


def launch_options() -> dict:
    """Options of `launch`: the style, nothing stored in the visitor's browser, and bounds on what is sent and kept."""
    return {
        "theme": theme.theme(),
        "css": theme.css() + read("common.css"),
        "head": f"<script>{scripts.shared()}</script>",
        "run_history": False,  # else every text is written to localStorage, and updates are several times slower
        "footer_links": ["api", "settings"],
        "ssr_mode": False,
        "share": False,
        "app_kwargs": {"middleware": [Middleware(Guard)], "routes": in_browser.routes(LIMITS)},
        "enable_monitoring": False,
        "max_file_size": limits.UPLOAD_BYTES,
        "state_session_capacity": limits.SESSIONS,  # a third of a megabyte each
        "max_threads": limits.THREADS,
    }
