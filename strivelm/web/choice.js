// How the next character is chosen: `distribution` and `draw` of strivelm/generation.py, number by number.
const COLDEST = 1e-6; // colder is greedy all the same, and would overflow

// The ids from the largest number to the smallest, equal ones by id.
const ordered = (z) => Array.from(z.keys()).sort((a, b) => z[b] - z[a] || a - b);

// The probabilities (V,) from which a character is drawn, for logits (V,). Throws an Error for logits that are none.
function distribution(logits, { temperature, top_k = 0, top_p = 1 }) {
  const V = logits.length;
  const p = new Float64Array(V);
  let best = 0;
  for (let i = 0; i < V; i++) {
    if (!Number.isFinite(logits[i]))
      throw new Error("The model's logits are not finite numbers; its weights are damaged.");
    if (logits[i] > logits[best]) best = i;
  }
  if (temperature === 0) {
    p[best] = 1;
    return p;
  }
  const divisor = Math.fround(Math.max(temperature, COLDEST));
  const z = Float32Array.from(logits, (x) => x / divisor);
  const order = (top_k && top_k < V) || top_p < 1 ? ordered(z) : null;
  let kept = top_k && top_k < V ? top_k : V;
  let total = 0;
  for (let k = 0; k < kept; k++) {
    const i = order ? order[k] : k;
    total += p[i] = Math.exp(z[i] - z[best]);
  }
  if (top_p < 1) {
    let before = 0;
    for (let k = 0; k < kept; k++) {
      if (before >= Math.max(top_p, 1e-30) * total) kept = k;
      else before += p[order[k]];
    }
    for (let k = kept; k < V; k++) p[order[k]] = 0;
    total = before;
  }
  for (let i = 0; i < V; i++) p[i] /= total;
  return p;
}

// The first id whose cumulative probability exceeds u, in [0, 1).
function draw(p, u) {
  let [total, at] = [0, 0];
  for (let i = 0; i < p.length; i++) total += p[i];
  let last = 0;
  for (let i = 0; i < p.length; i++) {
    if (!p[i]) continue;
    at += p[i];
    last = i;
    if (at > u * total) return i;
  }
  return last;
}

// -ln of the softmax of logits (V,), in nats.
function surprisals(logits) {
  let top = -Infinity;
  for (let i = 0; i < logits.length; i++) top = Math.max(top, logits[i]);
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += Math.exp(logits[i] - top);
  return Float64Array.from(logits, (z) => top - z + Math.log(total));
}

export { distribution, draw, ordered, surprisals };
