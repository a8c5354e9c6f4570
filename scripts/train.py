# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "torch>=2.8,<=2.13.0",
#     "huggingface_hub>=2.4,<3",
#     "httpx2>=2,<3",
#     "pyyaml>=6",
#     "safetensors>=0.8,<1",
#     "tokenizers>=0.22,<1",
#     "numpy>=1.26",
#     "tqdm>=4.66",
#     "tyro>=1.0,<2",
#     "matplotlib>=3.9,<4",
#     "pillow>=10",
# ]
# ///
"""Trains a character-level GPT on a text and leaves a model folder."""

import checkout  # noqa: F401  (finds the package beside this folder)

from strivelm.cli.console import call

if __name__ == "__main__":
    call("train")
