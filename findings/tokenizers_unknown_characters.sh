#!/usr/bin/env bash
# tokenizers 0.23.3: a character that the vocabulary lacks, where no unknown token is named.
#
# It depends on the kind of model. BPE leaves the character out: no token, no error, and the text that comes back is
# shorter. WordLevel, WordPiece and Unigram raise, and not ValueError or a class of their own, but Exception itself,
# which "except ValueError" lets pass. If an unknown token is named that the vocabulary lacks, BPE raises as well.
#
# Seen, for "aéb" with a vocabulary of a and b: "BPE: [0, 1]"; "WordLevel: Exception: WordLevel error: Missing [UNK]
# token from the vocabulary"; the same for WordPiece; "Unigram: Exception: Encountered an unknown token but `unk_id` is
# missing".
# It hurts whoever scores or aligns text by position with a small BPE vocabulary: positions shift silently; and whoever
# turns a character model into WordLevel and catches ValueError in a server. Instead: compare "".join(tokens) with the
# text, or check the characters first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet "tokenizers==0.23.3"
cat >"$work/shown.py" <<'PYTHON'
from tokenizers import Regex, Tokenizer, models, pre_tokenizers


def read(name, model):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    try:
        found = tokenizer.encode("aéb").ids
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        assert type(error) is Exception
    print(f"{name}: {found}")
    return found


vocabulary = {"a": 0, "b": 1}
assert read("BPE", models.BPE(vocabulary, [])) == [0, 1]
assert "Missing" in read("WordLevel", models.WordLevel(vocabulary))
assert "Missing" in read("WordPiece", models.WordPiece(vocabulary))
assert "missing" in read("Unigram", models.Unigram([("a", 0.0), ("b", 0.0)]))
assert "not found" in read("BPE, whose unknown token is missing", models.BPE(vocabulary, [], unk_token="[UNK]"))
PYTHON
"$work/environment/bin/python" "$work/shown.py"
