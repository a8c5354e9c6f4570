// What the view's value holds, decoded, and the draw as strivelm.generation.draw makes it.
const STEPS = ["Logits", "Temperature", "Top-k", "Top-p", "The draw"];
const TOP = 20;

const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);

function decoded(value) {
  const chars = Array.from(value.chars);
  const logits = strivelm.f32(value.logits);
  const stages = Object.fromEntries(Object.entries(value.stages).map(([name, text]) => [name, strivelm.f32(text)]));
  const order = [...chars.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
  // One scale for all steps, so that they can be compared: up to the largest probability in any, rounded up.
  const largest = Math.max(...Object.values(stages).map((p) => p[order[0]]));
  const most =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02].find((one) => one >= largest) ??
    Math.min(1, Math.ceil(20 * largest) / 20);
  return { ...value, chars, logits, stages, order, most };
}

// The probabilities at a step, those before it, and what is no longer possible after it.
const at_step = (found, step) =>
  [null, found.stages.temperature, found.stages.top_k, found.stages.top_p, found.stages.top_p][step];
const before_step = (found, step) =>
  [null, found.stages.model, found.stages.temperature, found.stages.top_k, null][step];
const removed = (found, step, id) =>
  (step > 1 && !(found.stages.top_k[id] > 0) && found.stages.temperature[id] > 0) ||
  (step > 2 && !(found.stages.top_p[id] > 0) && found.stages.top_k[id] > 0);

// The largest double below a positive one.
function below(number) {
  const bits = new BigUint64Array(new Float64Array([number]).buffer);
  bits[0] -= 1n;
  return new Float64Array(bits.buffer)[0];
}

// The first id, in the vocabulary's order, whose cumulative probability exceeds u, and the stretch that it covers.
function drawn(p, u) {
  const ends = [];
  let total = 0;
  for (const one of p) ends.push((total += one));
  const mark = Math.min(u * total, below(total));
  const id = ends.findIndex((end) => end > mark);
  return { id, from: (ends[id - 1] ?? 0) / total, to: ends[id] / total, ends: ends.map((end) => end / total) };
}

const said = (found, id) => `‘${strivelm.glyph(found.chars[id])}’`;
const plain = (number, digits = 3) => (Object.is(number, -0) ? 0 : number).toFixed(digits);
const whole = (number) => number.toLocaleString("en");

// What a step does, in a sentence with its formula and its numbers.
function sentence(found, step, u, place) {
  const [best] = found.order,
    V = found.chars.length,
    { temperature: T, top_k: k, top_p: p } = found;
  const stage = (name, id = best) => found.stages[name][id];
  const left = (name) => found.stages[name].reduce((many, one) => many + (one > 0), 0);
  const held = (before, after) => sum(found.stages[before].filter((_, id) => found.stages[after][id] > 0));
  if (step === 0)
    return `The model gives each of its ${whole(V)} characters a number, the [logit](term:logit) z. ${said(found, best)} has the highest, z = ${plain(found.logits[best], 2)}. Only differences count: one more in z is e ≈ 2.72 times likelier.`;
  if (step === 1 && T === 0)
    return `[Temperature](term:temperature) 0 is greedy: everything goes to the highest logit, ${said(found, best)}, and nothing is left to chance.`;
  if (step === 1 && T === 1)
    return `p = exp(z) / Σ exp(z), the [softmax](term:softmax): at [temperature](term:temperature) 1 these are the model's own probabilities. ${said(found, best)} gets ${strivelm.percent(stage("temperature"))}.`;
  if (step === 1)
    return `p = exp(z / T) / Σ exp(z / T), the [softmax](term:softmax) at [temperature](term:temperature) T = ${T}. ${said(found, best)}: z / T = ${plain(found.logits[best] / T, 2)}, so p = ${strivelm.percent(stage("temperature"))}; at T = 1 it would be ${strivelm.percent(stage("model"))}. Below 1 the likely gain, above 1 the unlikely.`;
  if (step < 4 && T === 0)
    return `Only ${said(found, best)} is left since the temperature is 0: there is nothing to remove.`;
  if (step === 2 && (!k || k >= V))
    return k
      ? `[Top-k](term:top-k) ${whole(k)} is no fewer than the ${whole(V)} characters there are: all stay.`
      : "[Top-k](term:top-k) is 0: all characters stay.";
  if (step === 2)
    return `[Top-k](term:top-k) ${whole(k)} keeps the ${k === 1 ? "likeliest" : `${whole(k)} likeliest`} of ${whole(V)}; together they hold ${plain(held("temperature", "top_k"), 4)}. Each is divided by that: ${said(found, best)} ${plain(stage("temperature"), 4)} / ${plain(held("temperature", "top_k"), 4)} = ${strivelm.percent(stage("top_k"))}.`;
  if (step === 3 && p === 1) return "[Top-p](term:top-p) is 1: all that are left stay.";
  if (step === 3)
    return `[Top-p](term:top-p) ${p} keeps the likeliest until they hold ${p} together: ${left("top_p") === 1 ? "one character that holds" : `${whole(left("top_p"))} characters that hold`} ${plain(held("top_k", "top_p"), 4)}. Each is divided by that: ${said(found, best)} ${plain(stage("top_k"), 4)} / ${plain(held("top_k", "top_p"), 4)} = ${strivelm.percent(stage("top_p"))}.`;
  const hit = drawn(found.stages.top_p, u);
  const whence = place === null ? "chosen here" : `number ${place + 1} of [seed](term:seed) ${found.seed}`;
  return `One random number decides: u = ${plain(u, 4)} (${whence}). Laid end to end in the vocabulary's order, ${said(found, hit.id)} covers ${plain(hit.from, 4)} to ${plain(hit.to, 4)}, and u falls there.`;
}
