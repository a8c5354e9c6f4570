#!/usr/bin/env bash
# transformers 4.57.6: a tokenizer.json read by PreTrainedTokenizerFast, beside a model of the GPT-2 architecture.
#
# The tokenizer gives token_type_ids, all zero, besides ids and mask, as its class expects no particular model. Most
# models have no parameter of that name, and pipelines drop what a model does not take. GPT-2 takes it: it looks the type
# up in the *word* embeddings and adds it, so the embedding of the token with the id 0 is added at every place.
#
# Seen: "given: attention_mask, input_ids, token_type_ids; logits differ by 2.66 from those of the ids alone"; after
# tokenizer_config.json names the inputs, "given: attention_mask, input_ids; logits differ by 0.00".
# It hurts whoever gives a model of the GPT-2 architecture a tokenizer of its own: model(**tokenizer(text)) and pipelines
# compute with other embeddings than training did, without a warning. transformers 5 gives no such ids. Instead: write
# "model_input_names": ["input_ids", "attention_mask"] into tokenizer_config.json.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet "transformers==4.57.6" "torch>=2.8,<=2.13.0" "numpy>=2,<3"
cat >"$work/shown.py" <<'PYTHON'
import json
import tempfile
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

folder, names = Path(tempfile.mkdtemp()), {"tokenizer_class": "PreTrainedTokenizerFast"}
tokenizer = Tokenizer(models.WordLevel({char: i for i, char in enumerate("\n abc")}))
tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
tokenizer.save(str(folder / "tokenizer.json"))
(folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config(vocab_size=5, n_positions=8, n_layer=1, n_head=1, n_embd=8)).eval()
torch.nn.init.normal_(model.transformer.wte.weight)


def seen(**more):
    (folder / "tokenizer_config.json").write_text(json.dumps(names | more))
    given = AutoTokenizer.from_pretrained(folder)("a cab", return_tensors="pt")
    with torch.no_grad():
        distance = float((model(**given).logits - model(given["input_ids"]).logits).abs().max())
    print(f"given: {', '.join(sorted(given))}; logits differ by {distance:.2f} from those of the ids alone")
    return distance


assert seen() > 0.1
assert seen(model_input_names=["input_ids", "attention_mask"]) == 0
PYTHON
"$work/environment/bin/python" "$work/shown.py"
