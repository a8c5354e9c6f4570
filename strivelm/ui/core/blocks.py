"""The page's `gr.Blocks`."""

import gradio as gr


class Blocks(gr.Blocks):
    """Answers a call with too few values by one sentence; Gradio would print a traceback on the terminal."""

    def validate_inputs(self, block_fn, inputs):
        try:
            super().validate_inputs(block_fn, inputs)
        except ValueError:
            needed = len(block_fn.inputs)
            values = f"{needed} value{'' if needed == 1 else 's'}"
            raise gr.Error(f"The call has {len(inputs)} of {values}; send them all.", print_exception=False) from None
