"""What a section does, in a sentence or two above it."""

import gradio as gr

from strivelm.ui.components.glossary import marked


def explanation(text: str) -> gr.HTML:
    """A paragraph of HTML in which terms are marked, [head](term:head)."""
    return gr.HTML(marked(f"<p>{text}</p>"), elem_classes="explanation", padding=False)
