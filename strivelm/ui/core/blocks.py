"""The page's `gr.Blocks`."""

import logging

import gradio as gr
from gradio.blocks import BlocksConfig

from strivelm.ui.core.lanes import Lanes
from strivelm.words import plural

log = logging.getLogger("strivelm")


class Blocks(gr.Blocks):
    """The blocks of the page: its queue is `Lanes`, and an event that is sent wrong values answers with a sentence.

    Gradio would print a traceback on the terminal for whatever a stranger sends.
    """

    def queue(self, *args, **kwargs):
        """Sets the queue. The arguments are those of `gr.Blocks.queue`."""
        super().queue(*args, **kwargs)
        made = self._queue
        self.default_config = _Config(self.default_config)
        self._queue = Lanes(
            live_updates=made.live_updates,
            concurrency_count=made.max_thread_count,
            update_intervals=made.update_intervals,
            max_size=None,
            blocks=self,
            default_concurrency_limit=made.default_concurrency_limit,
        )
        return self

    def validate_inputs(self, block_fn, inputs):
        try:
            super().validate_inputs(block_fn, inputs)
        except ValueError:
            values = plural(len(block_fn.inputs), "value")
            raise gr.Error(f"The call has {len(inputs)} of {values}; send them all.", print_exception=False) from None

    async def process_api(self, block_fn, inputs, *args, **kwargs):
        """Answers an event. Raises gr.Error, a sentence, for whatever goes wrong."""
        try:
            return await super().process_api(block_fn, inputs, *args, **kwargs)
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception as error:
            log.warning("an event was sent wrong values: %s: %.200s", type(error).__name__, _line(error))
            log.debug("the traceback", exc_info=error)
            sentence = "The page can't use what it was sent; reload it if that happens again."
            raise gr.Error(sentence, print_exception=False) from None


class _Config(BlocksConfig):
    """A config that describes each component once.

    Gradio (6.31, state_holder.py) describes all of them anew for each visitor, in its only thread, and for every name
    that it looks for in a `gr.HTML` searches all of that component's script: 50 ms for this page, in which nobody else
    is served.
    """

    def __init__(self, made: BlocksConfig):
        super().__init__(made.root_block)
        vars(self).update(vars(made))
        self._known: dict[int, tuple[object, dict]] = {}

    def __copy__(self) -> "_Config":
        copied = _Config(super().__copy__())
        copied._known = self._known
        return copied

    def config_for_block(self, _id, rendered_ids, block, renderable=None):
        known, found = self._known.get(_id, (None, {}))
        if renderable or (known is not block and self.root_block.blocks.get(_id) is not block):
            return super().config_for_block(_id, rendered_ids, block, renderable)
        if known is not block:
            found = super().config_for_block(_id, rendered_ids, block)
            self._known[_id] = block, found
        found = dict(found)
        if "props" in found:
            found["props"] = dict(found["props"])  # each visitor's values are put there
        return found


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).encode("ascii", "backslashreplace").decode()
