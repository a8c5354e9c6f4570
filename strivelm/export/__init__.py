"""A model for other tools: what they want beyond the folder that `save_pretrained` writes.

    source      what is exported, read from a model folder
    end_token   the row of one special token more, for tools that insist on one
    folder      a folder with that token, or in another precision, for transformers and the tools around it
    onnx_graph  an ONNX graph, for onnxruntime and, in a browser or Node, transformers.js
    gguf_file   a GGUF file, for llama.cpp

Each writes a place of its own; the model's folder stays as it is. docs/with_other_tools.md in the package says which
tool reads what.
"""

from strivelm.export.folder import export_folder
from strivelm.export.gguf_file import export_gguf
from strivelm.export.onnx_graph import export_onnx
from strivelm.export.source import Source, read_source

__all__ = ["Source", "export_folder", "export_gguf", "export_onnx", "read_source"]
