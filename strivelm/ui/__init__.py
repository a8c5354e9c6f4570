"""The Gradio app. Numbers that a view shows are computed in other packages."""

from strivelm.ui.app import build, launch_options

__all__ = ["build", "launch_options"]
