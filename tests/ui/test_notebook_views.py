"""Views outside the page: in a notebook, and as files."""

import pytest

from strivelm.ui import notebook

TEXT = "The fox, </script><b>${x}"
VIEWS = {
    "attention": (TEXT,),
    "losses": (TEXT,),
    "logit_lens": (TEXT,),
    "attribution": (TEXT,),
    "without": (TEXT, "0.1,0.m"),
    "embeddings": (),
    "positions": (),
    "states": (TEXT,),
    "bigrams": (),
    "beside": ("film", TEXT),
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_is_a_frame_and_a_file(noise, tmp_path, name):
    shown = getattr(notebook, name)(noise, *VIEWS[name], height=321)
    assert "height: 321px" in shown._repr_html_()
    shown.save(tmp_path / "view.html")
    text = (tmp_path / "view.html").read_text("utf-8")
    assert text == shown.page
    assert text.count("<script>") == text.count("</script>") == 1
    assert "<b>$" not in text
    assert "noise" in text


def test_a_model_is_opened_by_its_reference():
    assert "film@step-55" in notebook.embeddings("film@step-55").page
    with pytest.raises(ValueError, match="is no model"):
        notebook.embeddings("nobody")


@pytest.mark.parametrize("off", ["0.0", "0.m"])
def test_other_parts_give_another_view(noise, off):
    assert notebook.without(noise, "The fox", off).page != notebook.without(noise, "The fox", "0.1").page
