"""What a view gives to take along: the files that its tools save, and the Python lines that compute what it shows."""

import io
from contextlib import contextmanager, redirect_stdout

import pytest

import strivelm


def saved(tools, label, path):
    """The path of the file that a tool saves; `tools` is the row of buttons beside a view, a locator."""
    with tools.page.expect_download() as download:
        tools.locator(f"button:has-text('{label}')").click()
    download.value.save_as(path)
    return path


@contextmanager
def alone(browser, path):
    """A saved view, opened as a file; at the end nothing may have gone wrong, or been asked for elsewhere."""
    page, wrong = browser.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda request: wrong.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None,
    )
    page.goto(path.as_uri())
    yield page
    page.close()
    assert wrong == []


def lines_of(tools):
    """The Python lines of a view, which a press shows below its tools and another one takes away."""
    button = tools.locator("button:has-text('Python')")
    button.click()
    lines = tools.locator("xpath=following-sibling::*[1][contains(@class, 'strivelm-python')]//pre").text_content()
    button.click()
    return lines


def ran(lines, opened=None):
    """The names that Python lines leave behind, and under "out" what they print.

    Where `opened` is given, no other model can be opened than that one, by its name.
    """
    names = {}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out:
        if opened is not None:
            patch.setattr(strivelm, "load_model", lambda ref: {opened.ref: opened.model}[ref])
            patch.setattr(strivelm, "open_model", lambda ref: {opened.ref: opened}[ref])
        exec(lines, names)
    return names | {"out": out.getvalue()}
