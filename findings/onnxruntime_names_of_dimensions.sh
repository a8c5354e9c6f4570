#!/usr/bin/env bash
# onnxruntime 1.32.0, onnx 1.23.2: dimensions of a graph that have one name, and sizes that differ.
#
# Two inputs of shapes ("batch",) and ("batch",) look like a promise that they are equally long. Nothing holds it: the
# session takes inputs of other lengths and computes, by broadcasting where a length is one. Only axes that are numbers
# are checked. A declared output shape is not held either, beyond a warning at loading.
#
# Seen: "ids of batch 3, mask of batch 1: output (3,)", no error. With the number 3 in place of the name:
# INVALID_ARGUMENT.
# It hurts whoever feeds a mask, or a cache of keys and values, of another batch or length than the ids: the results are
# wrong and nothing says so. Instead: compare the shapes before run(), or put a check into the graph.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet "onnxruntime==1.32.0" "onnx==1.23.2" "numpy>=2,<3"
cat >"$work/shown.py" <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper


def session(batch):
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch]) for name in ("ids", "mask", "out")]
    graph = helper.make_graph([helper.make_node("Mul", ["ids", "mask"], ["out"])], "graph", shapes[:2], shapes[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


given = {"ids": np.ones(3, np.float32), "mask": np.ones(1, np.float32)}
(out,) = session("batch").run(None, given)
print("ids of batch 3, mask of batch 1: output", out.shape)
assert out.shape == (3,)
try:
    session(3).run(None, given)
except Exception as error:
    print("with a number:", str(error)[:90])
    assert "INVALID_ARGUMENT" in str(error)
else:
    raise SystemExit("a number is not checked either")
PYTHON
"$work/environment/bin/python" "$work/shown.py"
