"""Questions that a test declares for itself, and a dispatcher that answers them."""

import pytest

from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.models import Models
from strivelm.ui.core.questions import QUESTIONS, question


@pytest.fixture
def declare():
    """The function that declares functions as questions "test.NAME" for this test, and gives them."""
    names = []

    def declare(*functions, **options):
        for function in functions:
            names.append(f"test.{function.__name__}")
            question(names[-1], **options)(function)
        return [QUESTIONS[f"test.{function.__name__}"] for function in functions]

    yield declare
    for name in names:
        QUESTIONS.pop(name, None)


@pytest.fixture
def answering(declare, noise):
    """The function that declares functions, and gives a dispatcher over `noise` that answers them."""

    def answering(*functions, models=None, **options):
        declare(*functions, **options)
        return Dispatcher(models or Models(noise))

    return answering
