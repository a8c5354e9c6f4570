// An open model: its files checked, its weights in an engine, its characters as ids.
import { ModelError, numbersOf, tensorsOf } from "./safetensors.js";
import { readConfig } from "./config.js";
import { checkNumbers, placed } from "./layout.js";
import { webassembly } from "./webassembly.js";
import { javascript } from "./javascript.js";
import { surprisals } from "./choice.js";

const TRIED = 16; // how many characters are read on trial
const MOST_TRACED = 2 ** 28; // numbers that a trace may give

class Model {
  constructor(config, engine) {
    const { chars, block_size: context, n_layer: layers, n_head: heads } = config;
    Object.assign(this, { config, engine, chars, context, layers, heads });
    this.ids = new Map(chars.map((char, id) => [char, id]));
  }

  // What a text begins after when nothing is said.
  get start() {
    return this.ids.has("\n") ? "\n" : this.chars[0];
  }

  // The attention of every head on ids, (L, H, n, n), and at each depth the logits that it would stop with, (2L + 1, n, V).
  // Throws an Error for no ids, more than the context, or more numbers than memory is taken for.
  look(ids, { attention = false, depths = false } = {}) {
    const [n, V] = [ids.length, this.chars.length];
    if (!n || n > this.context)
      throw new Error(`The text has ${n} characters; expected 1 to ${this.context}, the model's context.`);
    const numbers = (attention ? this.layers * this.heads * n * n : 0) + (depths ? 2 * this.layers + 1 : 1) * n * V;
    if (numbers > MOST_TRACED) throw new Error("The answer would be too large for a browser; shorten the text.");
    const found = this.engine.trace(ids, { attention, depths });
    if (!depths) return found;
    const whole = new Float32Array(found.depths.length + found.logits.length);
    whole.set(found.depths);
    whole.set(found.logits, found.depths.length);
    return { ...found, depths: whole };
  }

  // The surprisal of each of ids but the first, in nats: a text longer than the context is read in windows, as the model
  // itself would write it (strivelm/inspection/surprisal.py).
  surprisal(ids) {
    const T = this.context;
    const V = this.chars.length;
    const stride = T - Math.max(Math.floor(T / 2), 1) + 1;
    const found = [];
    for (let from = 0; found.length < ids.length - 1; from += stride) {
      const window = ids.slice(from, from + Math.min(T, ids.length - 1 - from));
      const { logits } = this.engine.trace(window);
      for (let i = found.length - from; i < window.length; i++)
        found.push(surprisals(logits.subarray(i * V, (i + 1) * V))[ids[from + i + 1]]);
    }
    return found;
  }

  close() {
    this.engine.close();
    this.engine = null;
  }
}

// Opens a model from the bytes of its files; throws ModelError, a sentence.
//   files: { config, weights, tokenizer }, the last only where config.json is transformers' own
//   module: the compiled decoder, or null for plain JavaScript
function openModel({ config: json, weights: file, tokenizer = null }, module = null) {
  const config = readConfig(json, tokenizer);
  const places = placed(tensorsOf(file), config);
  checkNumbers(file, places);
  const model = new Model(
    config,
    module ? webassembly(module, config, file, places) : javascript(config, file, places),
  );
  const { V, T } = model.engine;
  const { logits } = model.engine.trace(Array.from({ length: Math.min(T, TRIED) }, (_, i) => i % V));
  if (!logits.every(Number.isFinite)) {
    model.close();
    throw new ModelError("the model is damaged: its logits are not finite; nothing could be computed from them");
  }
  return model;
}

// How many bytes the weights of a config.json have at most: what is longer is not fetched.
function mostBytes(json, tokenizer = null) {
  const { parameters, vocab_size: V, n_embd: C, n_layer: L, block_size: T } = readConfig(json, tokenizer);
  return 4 * (parameters + (V + 1) * C + 4 * L * C) + 5 * L * T * T + 1_000_000; // a head and masks beside them
}

// The decoder as a module of WebAssembly, or null where this machine can't run it: without SIMD, or without any.
function compiled(bytes) {
  try {
    return WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
  } catch {
    return null;
  }
}

export { Model, ModelError, compiled, mostBytes, numbersOf, openModel };
