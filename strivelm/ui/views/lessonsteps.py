"""The list of a course's steps, of which one is shown."""

from strivelm.ui import views

TEMPLATE = """
<nav aria-label="Steps">
  <ol></ol>
  <label>Step <select aria-label="Step"></select></label>
</nav>
"""
VIEW = views.View("lessonsteps", TEMPLATE)
"""Its value: {"steps": [[id, name] …], "current": id}."""
