// The tensors of a model file: GPT-2's names and shapes (strivelm/gpt2_layout.py), checked against its config, in the
// order in which an engine takes them.
import { ModelError, READ, largest, listed, numbersOf } from "./safetensors.js";

const PREFIX = "transformer.";
const HEAD = "lm_head.weight";
const EMBEDDING = "wte.weight";
const MASK = /^h\.\d+\.attn\.(masked_)?bias$/; // a causal mask that old versions stored
const LARGEST = 1e15; // beyond it sums of squares are not finite in float32

// The places of the weights in an engine, `enum kind` of decoder.c; `zero` are biases that this architecture lacks.
const KINDS = {
  ...{ tok: 0, pos: 1, lnf_gain: 2, lnf_bias: 3, ln1_gain: 4, ln1_bias: 5, qkv: 6, proj: 7 },
  ...{ ln2_gain: 8, ln2_bias: 9, up: 10, up_bias: 11, down: 12, down_bias: 13, zero: -1 },
};

// By name: { shape, kind, layer }.
function expected({ vocab_size: V, block_size: T, n_layer: L, n_embd: C, endToken }) {
  const found = new Map();
  const put = (name, shape, kind, layer = 0) => found.set(name, { shape, kind: KINDS[kind], layer });
  put(EMBEDDING, [V + Number(endToken), C], "tok");
  put("wpe.weight", [T, C], "pos");
  put("ln_f.weight", [C], "lnf_gain");
  put("ln_f.bias", [C], "lnf_bias");
  for (let i = 0; i < L; i++) {
    const name = `h.${i}.`;
    for (const norm of [1, 2]) {
      put(`${name}ln_${norm}.weight`, [C], `ln${norm}_gain`, i);
      put(`${name}ln_${norm}.bias`, [C], `ln${norm}_bias`, i);
    }
    for (const [module, into, out, kind, bias] of [
      ["attn.c_attn", C, 3 * C, "qkv", "zero"],
      ["attn.c_proj", C, C, "proj", "zero"],
      ["mlp.c_fc", C, 4 * C, "up", "up_bias"],
      ["mlp.c_proj", 4 * C, C, "down", "down_bias"],
    ]) {
      put(`${name}${module}.weight`, [into, out], kind, i);
      put(`${name}${module}.bias`, [out], bias, i);
    }
  }
  return found;
}

// What the file calls each expected tensor, and under HEAD the head if it stores that as well. Throws ModelError.
function named(tensors, wanted) {
  const found = new Map();
  const beyond = [];
  for (const name of tensors.keys()) {
    const known = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
    if (known !== HEAD && !wanted.has(known)) {
      if (!MASK.test(known)) beyond.push(name);
    } else if (found.has(known)) throw wrong(`holds ${known} twice, with and without "${PREFIX}"`);
    else found.set(known, name);
  }
  if (found.has(HEAD) && !found.has(EMBEDDING)) {
    found.set(EMBEDDING, found.get(HEAD)); // tied, and stored once: under either name
    found.delete(HEAD);
  }
  const missing = [...wanted.keys()].filter((name) => !found.has(name));
  if (missing.length) throw wrong(`lacks ${listed(missing)}`);
  if (beyond.length) throw wrong(`holds, beyond this architecture, ${listed(beyond)}`);
  return found;
}

const wrong = (words) => new ModelError(`model.safetensors ${words}`);

// The weights in order: { name, kind, layer, shape, dtype, start, end } of each. Shapes and types are checked, so that
// nobody takes memory for what is not there. Throws ModelError.
function placed(tensors, config) {
  const wanted = expected(config);
  const names = named(tensors, wanted);
  const found = [];
  for (const known of [...wanted.keys(), ...(names.has(HEAD) ? [HEAD] : [])]) {
    const name = names.get(known);
    const one = tensors.get(name);
    const { shape, kind, layer } = wanted.get(known === HEAD ? EMBEDDING : known);
    if (String(one.shape) !== String(shape))
      throw wrong(`has ${name} of shape [${String(one.shape).slice(0, 40)}]; config.json says [${shape}]`);
    if (!READ.includes(one.dtype)) throw wrong(`has ${name} in ${one.dtype}; expected one of ${READ.join(", ")}`);
    found.push({ ...one, name, kind: known === HEAD ? null : kind, layer });
  }
  return found;
}

// Raises ModelError where numbers are none, far too large, not zero where they have to be, or not the same.
function checkNumbers(file, weights) {
  for (const one of weights) {
    const most = largest(file, one);
    if (most === Infinity) throw wrong(`holds NaN or infinite numbers in ${one.name}; the model is damaged`);
    if (most > LARGEST) throw wrong(`holds ${most.toExponential(1)} in ${one.name}; no trained model has such numbers`);
    if (one.kind === KINDS.zero && most)
      throw wrong(`has ${one.name}, which is not zero, but this architecture has no such bias`);
  }
  const embedding = weights.find((one) => one.kind === KINDS.tok);
  const head = weights.find((one) => one.kind === null);
  const rows = numbersOf(file, embedding);
  if (head && !numbersOf(file, head).every((x, i) => x === rows[i]))
    throw wrong(`has ${head.name} that differs from ${embedding.name}, but this architecture ties them`);
  const [V, C] = embedding.shape;
  if (V > 1 && rows.every((x, i) => x === rows[i % C]))
    throw wrong("holds no trained model: its character embeddings are all the same");
}

export { KINDS, checkNumbers, placed };
