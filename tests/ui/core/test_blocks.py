"""The page's blocks: what Gradio asks of each component for each visitor is found out once."""

import gradio as gr
import pytest
from gradio.blocks import BlocksConfig
from gradio.state_holder import SessionState

from strivelm.ui.core.blocks import Blocks


@pytest.fixture
def blocks():
    with Blocks() as made:
        number = gr.Number(1, label="n")
        gr.HTML("<p>view</p>", js_on_load="console.log('x')")
        gr.Button("go").click(lambda n: n, number, number)
    return made.queue(), number


def test_every_visitor_has_what_gradio_describes(blocks):
    made, _ = blocks
    first, second = SessionState(made), SessionState(made)
    described = {id: BlocksConfig.config_for_block(id, [], block) for id, block in made.blocks.items()}  # Gradio's own
    assert first.config_values == second.config_values == described
    assert first.blocks_config.blocks == made.blocks
    assert first.blocks_config.fns == made.fns


def test_no_visitor_has_another_ones_value(blocks):
    made, number = blocks
    first, second = SessionState(made), SessionState(made)
    first._update_value_in_config(number._id, 7)
    assert first.config_values[number._id]["props"]["value"] == 7
    assert second.config_values[number._id]["props"]["value"] == 1
    first[number._id] = gr.Number(9, label="m", render=False)  # as an event that changes a component does
    first._update_config(number._id)
    assert first.config_values[number._id]["props"]["label"] == "m"
    assert SessionState(made).config_values[number._id]["props"]["label"] == "n"


def test_components_are_described_once(blocks, monkeypatch):
    made, _ = blocks
    SessionState(made)
    asked = []
    plain = gr.Number.get_config
    monkeypatch.setattr(gr.Number, "get_config", lambda self, *given: asked.append(self) or plain(self, *given))
    for _ in range(5):
        SessionState(made)
    assert asked == []
