"""Trains a character-level GPT on a text and writes a model folder.

Flags are read, and a first line is printed, before torch is imported, which takes seconds.
"""

import os
import sys
import time

from strivelm.cli import console
from strivelm.cli.stages import Stages
from strivelm.cli.training_flags import parse

# OpenMP threads that wait actively are 25 times slower than one thread as soon as another program uses a core (measured
# on two cores); passive ones are not. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
ERROR_DELAY = 10.0  # seconds for which other processes of a group wait, so that rank 0 can report the error


def main() -> None:
    """Reads the flags, joins the processes that torchrun started, if it did, and trains."""
    stages, args = Stages(), sys.argv[1:]
    flags = parse(args)
    if os.environ.get("RANK", "0") == "0":
        whose = f" of {flags.folder.source}" if flags.folder.source else ""
        what = f"resumes the run{whose} in" if flags.folder.resume else "begins; the model goes to"
        print(f"StriveLM {what} {flags.out}")
        sys.stdout.flush()  # before the import of torch, which takes seconds
    from strivelm.cli import training_run
    from strivelm.training.distributed import check_environment, local_device, process_group
    from strivelm.training.hardware import resolve_device

    check_environment()
    device = local_device(resolve_device(flags.hardware.device))
    with process_group(device) as group:
        stages.end("loading")
        if group.rank > 0:
            console.silence()
        try:
            training_run.run(flags, args, group, device, stages)
        except (ValueError, OSError):
            if group.rank > 0:  # rank 0 reports the error; torchrun would kill it if another process ended first
                time.sleep(ERROR_DELAY)  # torchrun ends this wait as soon as rank 0 has ended
            raise
