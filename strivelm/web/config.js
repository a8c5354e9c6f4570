// config.json and tokenizer.json of a model folder: sizes and vocabulary, checked as strictly as in Python
// (strivelm/config.py, checkpoint.py, gpt2_layout.py).
import { ModelError, parsed } from "./safetensors.js";

const BOUNDS = { vocab_size: 1_114_112, block_size: 1 << 20, n_layer: 512, n_head: 1024, n_embd: 1 << 16 };
const MOST_PARAMETERS = 10_000_000_000;
const END_TOKEN = "<|end|>";
const SPLITS = [{ Regex: "[\\s\\S]" }, { Regex: "(?s)." }, { Regex: "" }, { String: "" }].map((one) =>
  JSON.stringify(one),
);

// GPT-2's keys that say how the numbers are computed, and what they have to be where they are given.
const FIXED = {
  model_type: "gpt2",
  activation_function: "gelu",
  layer_norm_epsilon: 1e-5,
  scale_attn_weights: true,
  scale_attn_by_inverse_layer_idx: false,
  reorder_and_upcast_attn: false,
  tie_word_embeddings: true,
};

const brief = (value) => (JSON.stringify(value) ?? "nothing").slice(0, 40);

// The sizes, the vocabulary as an array of characters, and whether the embedding has a row for the end token.
// Throws ModelError.
//   config: the bytes of config.json    tokenizer: those of tokenizer.json, which only transformers' own config needs
function readConfig(config, tokenizer = null) {
  let raw = parsed(config, "config.json");
  if (!("block_size" in raw) && raw.model_type === "gpt2") raw = fromTransformers(raw, tokenizer);
  const chars = raw.chars ?? null;
  const endToken =
    raw.end_token === END_TOKEN && typeof chars === "string" && raw.vocab_size === Array.from(chars).length + 1;
  if (endToken) raw = { ...raw, vocab_size: raw.vocab_size - 1 };
  const missing = Object.keys(BOUNDS).filter((name) => !(name in raw));
  if (missing.length) throw new ModelError(`config.json lacks ${missing.join(", ")}; this is not a StriveLM model`);
  const sizes = {};
  for (const [name, most] of Object.entries(BOUNDS)) {
    const value = raw[name];
    if (!Number.isInteger(value) || value < 1 || value > most)
      throw new ModelError(
        `config.json: ${name} is ${brief(value)}; expected a whole number from 1 to ${most.toLocaleString("en")}`,
      );
    sizes[name] = value;
  }
  const { vocab_size: V, block_size: T, n_layer: L, n_head: H, n_embd: C } = sizes;
  if (C % H) throw new ModelError(`config.json: n_embd=${C} is not divisible by n_head=${H}`);
  const dropout = raw.dropout ?? 0;
  if (typeof dropout !== "number" || !(dropout >= 0 && dropout < 1))
    throw new ModelError(
      `config.json: dropout is ${brief(dropout)}; expected a number from 0 up to but not including 1`,
    );
  sizes.parameters = V * C + T * C + L * (12 * C * C + 9 * C) + 2 * C;
  if (sizes.parameters > MOST_PARAMETERS)
    throw new ModelError(`config.json: these sizes make ${sizes.parameters.toLocaleString("en")} parameters`);
  checkKeys(raw, sizes);
  return { ...sizes, chars: vocabulary(chars, V), endToken };
}

function vocabulary(chars, V) {
  if (chars === null)
    throw new ModelError("config.json names no characters; a model without a vocabulary can't be read");
  if (typeof chars !== "string") throw new ModelError("config.json: chars is no text of distinct characters");
  const found = Array.from(chars);
  if (found.length !== V)
    throw new ModelError(`config.json: chars holds ${found.length} characters, but vocab_size is ${V}`);
  if (new Set(found).size !== V) throw new ModelError("config.json: chars holds a character twice");
  if (found.some((char) => char >= "\ud800" && char <= "\udfff" && char.length === 1))
    throw new ModelError("config.json: chars holds half of a surrogate pair");
  return found;
}

function checkKeys(raw, { block_size, n_embd }) {
  const expected = { ...FIXED, n_positions: block_size, n_ctx: block_size, n_inner: null };
  for (const [key, value] of Object.entries(expected)) {
    const written = key in raw ? raw[key] : value;
    if (key === "n_inner" && written === 4 * n_embd) continue;
    if (written !== value)
      throw new ModelError(`config.json says ${key}=${brief(written)}, but this architecture has ${key}=${value}`);
  }
}

// transformers' own config of a GPT-2, with our keys; the vocabulary is that of tokenizer.json.
function fromTransformers(raw, bytes) {
  const ours = {
    ...raw,
    block_size: raw.n_positions,
    dropout: raw.resid_pdrop ?? 0.1,
    activation_function: raw.activation_function ?? "gelu_new",
  };
  if (!bytes) return ours;
  const tokenizer = parsed(bytes, "tokenizer.json");
  const { model = {}, pre_tokenizer: split = {} } = tokenizer;
  const vocab = Object.entries(model?.vocab ?? {}).sort(([, a], [, b]) => a - b);
  const no = (why) => new ModelError(`tokenizer.json ${why}; this is not a character model`);
  if (!vocab.length || vocab.some(([, id], i) => id !== i)) throw no("holds no vocabulary with the ids 0, 1, 2 …");
  const long = vocab.find(([token]) => Array.from(token).length !== 1);
  if (long) throw no(`knows the token ${brief(long[0])}`);
  const splits =
    split?.type === "Split" && split.behavior === "Isolated" && SPLITS.includes(JSON.stringify(split.pattern));
  if (!splits || tokenizer.normalizer || tokenizer.added_tokens?.length)
    throw no("does more than split a text into its characters");
  return { ...ours, chars: vocab.map(([token]) => token).join("") };
}

export { readConfig };
