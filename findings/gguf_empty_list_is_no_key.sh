#!/usr/bin/env bash
# gguf 0.19.0: writing a list that is empty.
#
# GGUFWriter.add_token_merges([]), add_array(key, []) and the like neither write an empty array nor raise: the key is
# not in the file. The format itself has empty arrays.
#
# Seen: "keys: general.architecture, tokenizer.ggml.tokens" after merges and tokens were added, the merges being none.
# It hurts whoever converts a tokenizer that has no merges (one token a character, say): the writer and the reader are
# content, and llama.cpp refuses the file for want of tokenizer.ggml.merges. Instead: write one merge that no text can
# use.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet "gguf==0.19.0" "numpy>=2,<3"
cat >"$work/shown.py" <<'PYTHON'
import tempfile
from pathlib import Path

import gguf

path = Path(tempfile.mkdtemp(), "file.gguf")
writer = gguf.GGUFWriter(path, "gpt2")
writer.add_token_merges([])
writer.add_array("strivelm.none", [])
writer.add_token_list(["a", "b"])
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
keys = [name for name in gguf.GGUFReader(path).fields if not name.startswith("GGUF.")]
print("keys:", ", ".join(keys))
assert keys == ["general.architecture", "tokenizer.ggml.tokens"]
PYTHON
"$work/environment/bin/python" "$work/shown.py"
