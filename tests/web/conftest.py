"""What the tests of strivelm/web share."""

import pytest
from web.node import Node


@pytest.fixture(scope="session")
def node(tmp_path_factory):
    """The modules, asked in Node."""
    return Node(tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="session")
def saved(make_model, tmp_path_factory):
    """The function that saves a small random model and gives it with its folder."""

    def make(**sizes):
        model = make_model(**sizes)
        folder = tmp_path_factory.mktemp("model")
        model.save_pretrained(folder)
        return model, folder

    return make


@pytest.fixture(params=[False, True], ids=["webassembly", "javascript"])
def plain(request):
    """Whether WebAssembly is left aside."""
    return request.param
