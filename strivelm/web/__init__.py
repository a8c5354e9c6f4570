"""The model in a visitor's browser: the decoder in C as WebAssembly, and a worker that reads a model's own files.

    decoder.wasm   decoder.c, compiled by `python -m strivelm.web.build`
    *.js           ES modules, which Node imports as they are; `script` joins them into the worker's script

worker.js tells by which messages a page has it open models and answer questions. What it writes is what
`strivelm.generation` writes: the same random numbers, the same choices.
"""

WRITERS = ("server", "browser", "faster")
"""Who may write a page's texts: the machine that serves it, the visitor's, or whichever of the two is faster."""
CHOSEN = "STRIVELM_WRITER"
"""The environment variable by which the page's owner chooses one of them."""
