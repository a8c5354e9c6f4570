"""The glossary: every term that the page uses is in it, and what marks a term makes one that explains itself."""

import json
import re

import pytest

from strivelm.ui.components import glossary, scripts
from strivelm.ui.components.view import HERE, VIEWS, View

UI = HERE.parent
CALL = re.compile(r"strivelm\.term\(\s*[\"`']([^\"`'$]+)[\"`'](?:,\s*[\"`']([^\"`'$]+)[\"`'])?\s*\)")
EXPLAINS = re.compile(r"explains\(\"([^\"]+)\"\)")


def used():
    """Each term that a script, a template, a lesson or a component's label names, with the file that does."""
    for path in sorted(file for kind in ("js", "py", "md") for file in UI.rglob(f"*.{kind}")):
        if path.name in ("glossary.py", "glossary.js"):
            continue  # which say how it is done
        text = path.read_text("utf-8")
        for found in (*CALL.finditer(text), *glossary.MARK.finditer(text)):
            yield found[2] or found[1], path.name
        yield from ((name, path.name) for name in EXPLAINS.findall(text))


def test_every_term_that_the_page_uses_is_in_the_glossary():
    found = list(used())
    assert found
    assert [(name, file) for name, file in found if name not in glossary.TERMS] == []


def test_an_explanation_is_short_and_says_more_than_the_term():
    for name, meaning in glossary.TERMS.items():
        assert 25 <= len(meaning) <= 110, name
        assert meaning[0].isupper(), name
        assert meaning.endswith((".", "?")), name
        assert not re.search(r"[<>{}\[\]`]", name + meaning), name
    assert len({glossary.slug(name) for name in glossary.TERMS}) == len(glossary.TERMS)


def test_a_marked_text_becomes_html_and_the_rest_stays():
    html = glossary.marked("<p>2 [nats](term:nat) a [head](term:), [a](b) [[T]]</p>")
    assert html.count('role="button"') == 2
    assert 'data-term="nat"' in html
    assert 'aria-describedby="strivelm-term-nat">nats</span>' in html
    assert '<span class="strivelm-term" data-term="head"' in html
    assert html.endswith(", [a](b) [[T]]</p>")
    assert "&lt;b&gt;" in glossary.term("<b>", "nat")


@pytest.mark.parametrize("make", [glossary.term, glossary.explains, lambda name: glossary.marked(f"[x](term:{name})")])
def test_a_term_that_is_not_there_is_an_error_that_says_where_it_belongs(make):
    with pytest.raises(ValueError, match=r"no term 'phlogiston'; add it to TERMS"):
        make("phlogiston")


def test_a_label_s_classes_name_a_term():
    assert glossary.explains("validation loss") == ["explains", "explains-validation-loss"]


def test_templates_and_files_carry_terms(tmp_path):
    (tmp_path / "terms.js").write_text("")
    view = View(tmp_path, "terms", "<p>1.2 [nats](term:nat)</p>")
    del VIEWS["terms"]
    assert view.component().html_template == view.markup == f"<p>1.2 {glossary.term('nats', 'nat')}</p>"
    assert view.markup in view.file()
    assert json.dumps(glossary.TERMS["nat"]) in scripts.shared()
