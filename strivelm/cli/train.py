"""Trains a character-level GPT on a text and leaves a model folder.

The flags are read, and a first line is printed, before torch is loaded, which takes seconds.
"""

import os
import sys
import time

from strivelm.cli import console
from strivelm.cli.stages import Stages
from strivelm.cli.training_flags import parse

# Threads that spin while they wait are 25 times slower than one thread as soon as another program uses a core (measured
# on two); sleeping ones are not. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
AFTER_THE_FIRST = 10.0  # seconds that a group's other processes leave the first to say what went wrong


def main() -> None:
    """Reads the flags, joins the processes that torchrun started, if it did, and trains."""
    took, args = Stages(), sys.argv[1:]
    flags = parse(args)
    if os.environ.get("RANK", "0") == "0":
        print(f"StriveLM {'looks at the run in' if flags.folder.resume else 'begins; the model goes to'} {flags.out}")
        sys.stdout.flush()  # at once: torch takes its time
    from strivelm.cli import training_run
    from strivelm.training.distributed import check_environment, local_device, process_group
    from strivelm.training.hardware import resolve_device

    check_environment()
    device = local_device(resolve_device(flags.hardware.device))
    with process_group(device) as group:
        took.end("loading")
        if group.rank > 0:
            console.silence()
        try:
            training_run.run(flags, args, group, device, took)
        except (ValueError, OSError):
            if group.rank > 0:  # the first process says it, once; a process that ended before it would have it killed
                time.sleep(AFTER_THE_FIRST)  # which torchrun cuts short as soon as the first has ended
            raise
