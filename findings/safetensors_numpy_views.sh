#!/usr/bin/env bash
# safetensors 0.8.0: saving a numpy array that is a view (transposed, strided, reversed).
#
# safetensors.numpy.save and save_file write the bytes of the memory that the array looks at, in the order in which they
# lie there, under the shape that the view has: other numbers, without a warning. safetensors.torch.save raises
# ValueError for a tensor that is not contiguous, so one expects an error here, or a copy.
#
# Seen: "transposed: kept False", and the same for strided and reversed; "copied: kept True".
#     [[0. 3.] [1. 4.] [2. 5.]] comes back as [[0. 1.] [2. 3.] [4. 5.]]
# It hurts whoever converts weights between layouts with numpy, where a linear map is transposed: shapes are right, the
# file loads, the model is noise. Instead: numpy.ascontiguousarray(array) before saving, and compare after.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet "safetensors==0.8.0" "numpy>=2,<3"
cat >"$work/shown.py" <<'PYTHON'
import numpy as np
from safetensors.numpy import load, save

numbers = np.arange(6, dtype=np.float32).reshape(2, 3)


def kept(name, array):
    back = load(save({"x": array}))["x"]
    print(f"{name}: kept {np.array_equal(back, array)}")
    assert back.shape == array.shape
    return np.array_equal(back, array)


assert not kept("transposed", numbers.T)
assert not kept("strided", numbers[:, ::2])
assert not kept("reversed", numbers[::-1])
assert kept("copied", np.ascontiguousarray(numbers.T))
print(*numbers.T, "comes back as", *load(save({"x": numbers.T}))["x"])
PYTHON
"$work/environment/bin/python" "$work/shown.py"
