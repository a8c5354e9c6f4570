"""The Gradio app. No mathematics here: what a view shows, a function elsewhere has computed."""

from strivelm.ui.app import build, launch_options

__all__ = ["build", "launch_options"]
