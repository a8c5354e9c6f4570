// The decoder in plain JavaScript, where WebAssembly or its SIMD is missing: what decoder.c computes, with its interface
// (webassembly.js), a row at a time.
import { numbersOf } from "./safetensors.js";
import { KINDS } from "./layout.js";

// Exact GELU, with formula 7.1.26 of Abramowitz and Stegun (1964) for erf, which is off by at most 1.5e-7.
function gelu(a) {
  const z = Math.abs(a) * Math.SQRT1_2;
  const t = 1 / (1 + 0.3275911 * z);
  const series = 0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)));
  const part = 0.5 * a * t * series * Math.exp(-z * z);
  return a < 0 ? part : a - part;
}

function layerNorm(x, gain, bias, y) {
  const C = gain.length;
  let [total, squares] = [0, 0];
  for (let c = 0; c < C; c++) total += x[c];
  const mean = total / C;
  for (let c = 0; c < C; c++) squares += (x[c] - mean) ** 2;
  const scale = 1 / Math.sqrt(squares / C + 1e-5);
  for (let c = 0; c < C; c++) y[c] = (x[c] - mean) * scale * gain[c] + bias[c];
}

// y += x w, for x (in,), w (in, out) and y (out,): four rows of w at a time, so that y is touched less often.
function multiply(x, w, y) {
  const out = y.length;
  const fours = x.length - (x.length % 4);
  for (let i = 0; i < fours; i += 4) {
    const [a, b, c, d] = [x[i], x[i + 1], x[i + 2], x[i + 3]];
    const first = i * out;
    const [second, third, fourth] = [first + out, first + 2 * out, first + 3 * out];
    for (let j = 0; j < out; j++) y[j] += a * w[first + j] + b * w[second + j] + c * w[third + j] + d * w[fourth + j];
  }
  for (let i = fours; i < x.length; i++) for (let j = 0; j < out; j++) y[j] += x[i] * w[i * out + j];
}

class Session {
  constructor(engine, slots) {
    const { L, T, C } = engine;
    this.engine = engine;
    this.off = [];
    this.slots = Array.from({ length: slots }, () =>
      Array.from({ length: L }, () => ({ keys: new Float32Array(T * C), values: new Float32Array(T * C) })),
    );
  }

  switchOff(slot, parts) {
    this.off[slot] = new Set(parts.map(([layer, part]) => `${layer}.${part}`));
  }

  read(rows, wanted = 1, kept = null) {
    const { V, T, layers } = this.engine;
    if (!layers) throw new Error("The model was closed while it was at work.");
    const n = rows.length / 3;
    const logits = new Float32Array(wanted * V);
    for (let i = 0; i < n; i++) {
      const [id, slot, position] = rows.slice(3 * i, 3 * i + 3);
      if (!(id >= 0 && id < V && this.slots[slot] && position >= 0 && position < T))
        throw new RangeError("a row is outside the model's vocabulary or context");
      const silent = n - wanted;
      this.row(id, slot, position, i < silent ? null : logits.subarray((i - silent) * V, (i - silent + 1) * V), kept);
    }
    return logits;
  }

  // Reads one character; writes its logits, if they are wanted.
  row(id, slot, position, logits, kept) {
    const { engine, off } = this;
    const { layers, C, H, L } = engine;
    const isOff = (layer, part) => off[slot]?.has(`${layer}.${part}`);
    const x = new Float64Array(C);
    const h = new Float64Array(C);
    for (let c = 0; c < C; c++) x[c] = engine.tok[id * C + c] + engine.pos[position * C + c];
    for (const [l, layer] of layers.entries()) {
      kept?.depth(2 * l, position, x);
      layerNorm(x, layer.ln1_gain, layer.ln1_bias, h);
      const qkv = new Float64Array(3 * C);
      multiply(h, layer.qkv, qkv);
      const memory = this.slots[slot][l];
      memory.keys.set(qkv.subarray(C, 2 * C), position * C);
      memory.values.set(qkv.subarray(2 * C), position * C);
      if (l === L - 1 && !logits) return;
      const y = new Float64Array(C);
      for (let head = 0; head < H; head++) {
        if (isOff(l, head)) continue;
        const weights = attend(qkv, memory, y, head, C / H, position, C);
        kept?.attention(l, head, position, weights);
      }
      multiply(y, layer.proj, x);
      kept?.depth(2 * l + 1, position, x);
      if (isOff(l, H)) continue;
      layerNorm(x, layer.ln2_gain, layer.ln2_bias, h);
      const wide = Float64Array.from(layer.up_bias);
      multiply(h, layer.up, wide);
      for (let i = 0; i < wide.length; i++) wide[i] = gelu(wide[i]);
      for (let c = 0; c < C; c++) x[c] += layer.down_bias[c];
      multiply(wide, layer.down, x);
    }
    if (logits) engine.readOut(x, logits);
  }

  close() {
    this.slots = null;
  }
}

// Adds softmax(q kᵀ / √hd) v of one head to y; gives the weights of positions 0 to `position`.
function attend(qkv, { keys, values }, y, head, hd, position, C) {
  const weights = new Float64Array(position + 1);
  const [from, scale] = [head * hd, 1 / Math.sqrt(hd)];
  let [top, total] = [-Infinity, 0];
  for (let t = 0; t <= position; t++) {
    let score = 0;
    for (let d = from; d < from + hd; d++) score += qkv[d] * keys[t * C + d];
    weights[t] = score * scale;
    top = Math.max(top, weights[t]);
  }
  for (let t = 0; t <= position; t++) total += weights[t] = Math.exp(weights[t] - top);
  for (let t = 0; t <= position; t++) {
    const weight = (weights[t] /= total);
    for (let d = from; d < from + hd; d++) y[d] += weight * values[t * C + d];
  }
  return weights;
}

class JavaScriptEngine {
  constructor({ n_layer: L, n_head: H, n_embd: C, block_size: T, vocab_size: V }, file, places) {
    Object.assign(this, { L, H, C, T, V, name: "JavaScript" });
    const names = Object.fromEntries(Object.entries(KINDS).map(([name, kind]) => [kind, name]));
    this.layers = Array.from({ length: L }, () => ({}));
    for (const one of places) {
      if (one.kind === null || one.kind === KINDS.zero) continue;
      const to = one.kind < KINDS.ln1_gain ? this : this.layers[one.layer];
      to[names[one.kind]] = numbersOf(file, one);
    }
  }

  // The logits (V,) of one row of the residual stream.
  readOut(x, logits) {
    const { C, V, tok } = this;
    const h = new Float64Array(C);
    layerNorm(x, this.lnf_gain, this.lnf_bias, h);
    for (let v = 0; v < V; v++) {
      let sum = 0;
      for (let c = 0; c < C; c++) sum += h[c] * tok[v * C + c];
      logits[v] = sum;
    }
  }

  session(slots) {
    return new Session(this, slots);
  }

  trace(ids, { attention = false, depths = false } = {}) {
    const { L, H, V } = this;
    const n = ids.length;
    const found = {
      logits: null,
      attention: attention ? new Float32Array(L * H * n * n) : null,
      depths: depths ? new Float32Array(2 * L * n * V) : null,
    };
    const kept = {
      attention: (layer, head, i, weights) => found.attention?.set(weights, ((layer * H + head) * n + i) * n),
      depth: (depth, i, x) => {
        const at = (depth * n + i) * V;
        if (found.depths) this.readOut(x, found.depths.subarray(at, at + V));
      },
    };
    const session = this.session(1);
    found.logits = session.read(
      ids.flatMap((id, i) => [id, 0, i]),
      n,
      kept,
    );
    session.close();
    return found;
  }

  close() {
    this.layers = this.tok = this.pos = null;
  }
}

const javascript = (config, file, places) => new JavaScriptEngine(config, file, places);

export { javascript };
