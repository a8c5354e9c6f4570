#!/usr/bin/env bash
# transformers 5.24.0: a tokenizer.json that is complete, beside a config.json whose model_type is gpt2.
#
# tokenizer.json says all that is needed (here: one token for each character), and PreTrainedTokenizerFast reads it as
# it stands. But AutoTokenizer asks config.json for the model and builds GPT2Tokenizer, which keeps nothing of the file
# but the vocabulary and puts its own byte-level steps around it. A blank is Ġ to those, which the vocabulary lacks, and
# what is lacking is left out: blanks and line breaks are gone, without a warning.
#
# Seen: "GPT2Tokenizer: a b / c is read as [2, 3, 4] and written as abc"; after tokenizer_config.json names the class,
# "[2, 1, 3, 0, 4]", and the text comes back.
# It hurts whoever gives a model of the GPT-2 architecture a tokenizer of its own: it trains and scores on text without
# blanks. Instead: write {"tokenizer_class": "PreTrainedTokenizerFast"} into tokenizer_config.json, and test that
# decode(encode(text)) is the text.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet "transformers==5.24.0" "tokenizers==0.23.3"
cat >"$work/shown.py" <<'PYTHON'
import json
import tempfile
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer

folder, text = Path(tempfile.mkdtemp()), "a b\nc"
tokenizer = Tokenizer(models.WordLevel({char: i for i, char in enumerate("\n abc")}))
tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
tokenizer.decoder = decoders.Fuse()
tokenizer.save(str(folder / "tokenizer.json"))
(folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))


def read():
    found = AutoTokenizer.from_pretrained(folder)
    ids = found(text)["input_ids"]
    print(f"{type(found).__name__}: {text!r} is read as {ids} and written as {found.decode(ids)!r}")
    return ids, found.decode(ids)


assert read() == ([2, 3, 4], "abc")
(folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
assert read() == ([2, 1, 3, 0, 4], text)
PYTHON
"$work/environment/bin/python" "$work/shown.py"
