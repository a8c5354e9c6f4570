"""The list of a course's steps, of which one is shown."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<nav aria-label="Steps">
  <ol></ol>
  <label>Step <select class="strivelm-field" aria-label="Step"></select></label>
</nav>
"""
VIEW = View(HERE, "lesson_steps", TEMPLATE, parts=("lesson_shared",))
"""Its value: [[id, name] …]."""
