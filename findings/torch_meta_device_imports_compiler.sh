#!/usr/bin/env bash
# torch 2.13.0: making a module on the meta device, where it has no memory and no numbers.
#
# `with torch.device("meta"): nn.Embedding(…)` is the documented way to build a model whose weights are loaded afterwards.
# It is thought to cost nothing. But the module initialises its weight by normal_, which for meta tensors is a reference
# implementation in Python that imports torch._dynamo, torch's compiler: more than a second of CPU time, once
# a process. nn.Linear, which is initialised by uniform_, imports nothing of it.
#
# Seen: after nn.Linear on meta torch._dynamo is not imported; after nn.Embedding it is, and that took 1.02 s of CPU time,
# the others 0.00 s.
# It hurts whoever loads a small model at the start of a program: a 10 MB model took 1.5 s to open, 0.1 s without.
# Instead: make modules on meta under a torch.overrides.TorchFunctionMode that returns the tensor for
# torch.nn.init.normal_ (torch.nn.utils.skip_init does not help: it takes one module class at a time).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet "torch==2.13.0" "numpy>=2,<3"
cat >"$work/meta.py" <<'PYTHON'
import sys
import time

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class Unset(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        return kwargs["tensor"] if func is nn.init.normal_ else func(*args, **kwargs)


def made(name, module, mode=None):
    began = time.process_time()
    with torch.device("meta"), mode or torch.no_grad():
        module()
    print(f"{name}: {time.process_time() - began:.2f} s, torch._dynamo imported: {'torch._dynamo' in sys.modules}")
    return "torch._dynamo" in sys.modules


assert not made("nn.Linear", lambda: nn.Linear(8, 8))
assert not made("nn.Embedding under the mode", lambda: nn.Embedding(8, 8), Unset())
assert made("nn.Embedding", lambda: nn.Embedding(8, 8))
PYTHON
"$work/environment/bin/python" "$work/meta.py"
