#!/usr/bin/env bash
# tokenizers 0.23.3: add_tokens and add_special_tokens on a vocabulary whose ids have a gap.
#
# A new token gets the number of tokens as its id, not the largest id and one more. Where the ids have a gap, that is
# the id of another token: both then have it, and decoding gives the new one for either.
#
# Seen, with the vocabulary a 0, b 2, d 3: the added "<end>" has the id 3; "d" is read as [3], and [3] is written as
# "<end>".
# It hurts whoever leaves tokens out of a vocabulary (to shrink it, or as an id is reserved) and adds a special one
# later: a common token becomes the end of the text, and no error says so. Instead: number the vocabulary without gaps
# before adding, or put the token and a free id into the vocabulary; check token_to_id against get_vocab().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet "tokenizers==0.23.3"
cat >"$work/shown.py" <<'PYTHON'
from collections import Counter

from tokenizers import Tokenizer, models

tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 2, "d": 3}, unk_token="a"))
tokenizer.add_special_tokens(["<end>"])
read = tokenizer.encode("d").ids
print("<end> has the id", tokenizer.token_to_id("<end>"))
print("d is read as", read, "which is written as", repr(tokenizer.decode(read, skip_special_tokens=False)))
print("ids of several tokens:", [id for id, n in Counter(tokenizer.get_vocab().values()).items() if n > 1])
assert tokenizer.token_to_id("<end>") == tokenizer.token_to_id("d") == 3
assert tokenizer.decode(read, skip_special_tokens=False) == "<end>"
PYTHON
"$work/environment/bin/python" "$work/shown.py"
