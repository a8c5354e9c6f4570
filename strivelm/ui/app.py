"""The page: a header that says which model this is, and the tabs that work on it."""

import gradio as gr

from strivelm.hub import OpenModel
from strivelm.ui import api, limits, theme
from strivelm.ui.models import Models
from strivelm.ui.tabs import generate
from strivelm.ui.views import header


def build(model: OpenModel) -> gr.Blocks:
    """The page over a model, with its queue set, ready to be launched with `launch_options()`.

    Raises ValueError for a model without a vocabulary.
    """
    models = Models(model)
    with gr.Blocks(title="StriveLM", analytics_enabled=False) as page:
        header.view(models.facts)
        with gr.Tabs(elem_id="tabs"), gr.Tab("Generate", id="generate"):
            generate.build(models)
        api.offer(models)
    # A call beyond the queue's end is refused with a sentence instead of waiting for ever.
    return page.queue(default_concurrency_limit=limits.CONCURRENT, max_size=limits.QUEUE)


def launch_options() -> dict:
    """What `launch` needs besides an address: the looks, and nothing kept in the visitor's browser."""
    return {
        "theme": theme.theme(),
        "css": theme.css(),
        "run_history": False,  # else every text is written to localStorage, and updates are several times slower
        "footer_links": ["api", "settings"],
        "ssr_mode": False,
        "share": False,
    }
