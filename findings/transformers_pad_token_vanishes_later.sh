#!/usr/bin/env bash
# transformers 5.24.0: tokenizer.pad_token = TOKEN, where TOKEN is an ordinary one of the vocabulary.
#
# Many recipes set a padding token so. While the tokenizer is in memory, decode(ids, skip_special_tokens=True) keeps the
# token in a text, although all_special_ids lists it. After save_pretrained and from_pretrained, or if the same token is
# given to the constructor, it is left out. The ids of a text are the same in all cases.
#
# Seen, for "a", line break, "b": "assigned: special [0], written as a\nb"; "saved and read again: special [0], written
# as ab"; "constructed: special [0], written as ab".
# It hurts whoever tests a fine-tuned model before saving it: the texts of the published one lack every line break (or
# whatever the token was), as pipelines decode with skip_special_tokens=True. Instead: pad with a token that stands in
# no text, or set the padding token in memory and save the tokenizer without it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet "transformers==5.24.0" "tokenizers==0.23.3"
cat >"$work/shown.py" <<'PYTHON'
import tempfile

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

made = Tokenizer(models.WordLevel({char: i for i, char in enumerate("\n abc")}))
made.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
made.decoder = decoders.Fuse()


def written(name, tokenizer):
    ids = tokenizer("a\nb")["input_ids"]
    text = tokenizer.decode(ids, skip_special_tokens=True)
    print(f"{name}: special {tokenizer.all_special_ids}, written as {text!r}")
    assert ids == [2, 0, 3] and tokenizer.all_special_ids == [0]
    return text


folder = tempfile.mkdtemp()
PreTrainedTokenizerFast(tokenizer_object=made).save_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
tokenizer.pad_token = "\n"
assert written("assigned", tokenizer) == "a\nb"
tokenizer.save_pretrained(folder)
assert written("saved and read again", AutoTokenizer.from_pretrained(folder)) == "ab"
assert written("constructed", PreTrainedTokenizerFast(tokenizer_object=made, pad_token="\n")) == "ab"
PYTHON
"$work/environment/bin/python" "$work/shown.py"
