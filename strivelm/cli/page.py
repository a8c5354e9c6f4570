"""Serves the page: what `python app.py` and `strivelm app` do.

GRADIO_SERVER_PORT and GRADIO_SERVER_NAME set the address; --model (or STRIVELM_MODEL) the model that is open at first;
STRIVELM_MODELS (owner/name, owner/name@revision, …) the further models that visitors can choose.
"""

import argparse
import contextlib
import importlib.util
import os
import sys

from strivelm import web
from strivelm.cli import environment
from strivelm.cli.console import without_collections

with contextlib.suppress(ImportError):
    import spaces  # noqa: F401  (ZeroGPU must be imported before CUDA is initialised)

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import torch

from strivelm.checkpoint import CheckpointError
from strivelm.data.sources import cache_folder
from strivelm.hub.cache import sweep_downloads
from strivelm.loading import open_model


def main() -> None:
    """Serves the page until it is stopped. Exit status: 2 for an unusable model or setting, 1 for a bad address."""
    parser = argparse.ArgumentParser(description="Open the StriveLM page.")
    parser.add_argument(
        "--model",
        metavar="REF",
        default=os.environ.get("STRIVELM_MODEL") or "bundled",
        help="bundled, a model folder, owner/name or owner/name@revision (default: $STRIVELM_MODEL, else bundled)",
    )
    parser.add_argument(
        "--mcp", action="store_true", help="offer the endpoints to language-model agents too (needs gradio[mcp])"
    )
    parser.add_argument(
        "--writer",
        default=os.environ.get(web.CHOSEN, ""),
        metavar="|".join(web.WRITERS),
        help=f"who writes the texts: this machine, the visitor's browser, or the faster of the two (default: "
        f"${web.CHOSEN}, else server; browser where a GPU would be lent from the visitor's quota)",
    )
    args = parser.parse_args()
    ref = args.model
    port = os.environ.get("GRADIO_SERVER_PORT", "7860")
    if not (port.isdecimal() and 1 <= int(port) <= 65_535):
        print(f"app.py: GRADIO_SERVER_PORT is {port!r}; expected a number from 1 to 65535", file=sys.stderr)
        sys.exit(2)
    if args.writer and args.writer not in web.WRITERS:
        print(f"app.py: the writer is {args.writer!r}; expected one of {', '.join(web.WRITERS)}", file=sys.stderr)
        sys.exit(2)
    os.environ[web.CHOSEN] = args.writer
    if args.mcp and importlib.util.find_spec("mcp") is None:
        print('app.py: --mcp needs a package that is not installed: pip install "gradio[mcp]"', file=sys.stderr)
        sys.exit(2)
    environment.temporary_folder()
    environment.bypass_proxies_for_loopback()
    sweep_downloads(cache_folder(None) / "models")
    torch.set_num_threads(1)  # one text is not generated faster by two threads, and visitors share the machine

    try:
        # ZeroGPU needs the model on the GPU from the start, which it provides for single calls.
        model = open_model(ref, "cuda" if torch.cuda.is_available() else "cpu")
        model.model.tokenizer  # noqa: B018  (a model without a vocabulary can't read a prompt)
    except (CheckpointError, ValueError, OSError, MemoryError, RuntimeError) as error:
        print(f"app.py: can't open the model {ref!r}: {error}", file=sys.stderr)
        sys.exit(2)

    offered = tuple(filter(None, map(str.strip, os.environ.get("STRIVELM_MODELS", "").split(","))))
    with environment.usable_proxies():
        with without_collections():  # Gradio takes seconds to import: not before the model is known
            from strivelm.ui import build, launch_options

        page = build(model, offered)
        try:
            # A port that was set is used or refused; by default Gradio would silently try the next ones.
            exactly = int(port) if "GRADIO_SERVER_PORT" in os.environ else None
            settings = {"mcp_server": args.mcp, "quiet": True, "prevent_thread_lock": True, "server_port": exactly}
            _, address, _ = page.launch(**launch_options(), **settings)
        except Exception as error:  # Gradio raises several kinds, Exception too, if it can't reach itself
            where = f"{os.environ.get('GRADIO_SERVER_NAME', '127.0.0.1')}, port {port}"
            words = " ".join(str(error).split())
            print(f"app.py: can't listen at {where} (GRADIO_SERVER_NAME, GRADIO_SERVER_PORT): {words}", file=sys.stderr)
            sys.exit(1)
    print(f"StriveLM is open at {address} with the model {ref}. Ctrl+C closes it.", flush=True)
    page.block_thread()
