// The view's data: maps as bytes, scores, the state; and how they are put into words.
const at = (name) => element.querySelector(name);
const make = (tag, className = "", text = "") =>
  Object.assign(document.createElement(tag), { className, textContent: text });

let shown = null; // the view's value
let chars = [];
let maps, rollouts; // bytes, a lower triangle for each map
let judged, circuits; // patterns of heads; null until they arrive
const answers = new Map(); // exact numbers received, by map and row

// `own`: whether the visitor has chosen the map; else it is the head whose pattern stands out most.
const state = {
  map: 0,
  own: false,
  pin: 0,
  key: null,
  over: null,
  scale: "fixed",
  show: "map",
  lines: [],
  whose: "one",
};

const length = () => chars.length;
const count = () => shown.layers * shown.heads;
const isHead = (map) => map < count();
const layerOf = (map) => Math.floor(map / shown.heads);
const nameOf = (map) =>
  isHead(map)
    ? `${layerOf(map)}.${map % shown.heads}`
    : map < count() + shown.layers
      ? `mean${map - count()}`
      : map === count() + shown.layers
        ? "rollout"
        : "uniform";
const everyMap = () => Array.from({ length: count() + shown.layers + 2 }, (_, i) => i);
const mapNamed = (name) => everyMap().find((map) => nameOf(map) === name);

function titleOf(map) {
  if (isHead(map)) return `Layer ${layerOf(map)}, head ${map % shown.heads}`;
  if (map < count() + shown.layers)
    return `Layer ${map - count()}, mean over its ${shown.heads === 1 ? "only head" : `${shown.heads} heads`}`;
  const through = shown.layers === 1 ? "Through the only layer" : `Through all ${shown.layers} layers`;
  return map === count() + shown.layers ? through : `${through}, if each head read all alike`;
}

// The bytes of a map, row by row, for the keys that each query sees; undefined until the rollout arrives.
function codesOf(map) {
  const T = length(),
    triangle = (T * (T + 1)) / 2,
    own = map < count() + shown.layers;
  const from = (own ? map : map - count() - shown.layers) * triangle;
  return (own ? maps : rollouts)?.subarray(from, from + triangle);
}

// One of them; 0 above the diagonal, which the mask hides.
const code = (map, query, key) => (key > query ? 0 : (codesOf(map)?.[(query * (query + 1)) / 2 + key] ?? 0));

// A weight from its byte; the error is at most √p/255 + 1/510².
const value = (map, query, key) => (code(map, query, key) / 255) ** 2;
const rowOf = (map, query) =>
  Array.from(
    codesOf(map)?.subarray((query * (query + 1)) / 2, ((query + 1) * (query + 2)) / 2) ?? [],
    (byte) => (byte / 255) ** 2,
  );

// The exact weight, if the head's row or the whole map has been received.
function exact(map, query, key) {
  const whole = answers.get(nameOf(map));
  if (whole) return key > query ? 0 : whole.weights[(query * (query + 1)) / 2 + key];
  const one = answers.get(`${nameOf(map)}.${query}`);
  return one && (one.attention[key] ?? 0);
}

const verbOf = (map) => (isHead(map) ? "reads" : nameOf(map).startsWith("mean") ? "reads on average" : "is mixed from");
const rounded = (p) => (p < 0.005 ? (p < 0.0005 ? "0.00" : p.toFixed(3)) : p.toFixed(2));
const labelled = (i) => `“${strivelm.glyph(chars[i])}” (${i})`;

// The pattern of a head with its score and that of uniform attention: the one that it is named after, else the closest.
// Null while that is not known, and for a text that is too short.
function patternOf(map) {
  const found = judged?.heads?.[map];
  if (!found) return null;
  const induces = circuits?.named.some(([layer, head]) => layer * shown.heads + head === map);
  if (induces && !(found.named && !found.part && found.strength > circuits.strength[map])) {
    const chance = Math.max(circuits.uniform, circuits.control[map]);
    return { word: "induction", score: circuits.induction[map], chance, named: true };
  }
  return found;
}

const numbered = ({ score, chance }) => `${score.toFixed(2)}, uniform ${chance.toFixed(2)}`;
const sentenceOf = (map) => {
  const found = patternOf(map);
  if (!found) return judged ? "too short a text for a pattern" : "";
  return found.named ? `${found.word} ${numbered(found)}` : "no pattern stands out";
};

// What a head with such a pattern does.
const DOES = {
  "previous character": "reads the character just before",
  "first position": "reads the first character of the text",
  self: "reads the character itself",
  "same character": "reads where the same character stood before",
  "inside this word": "reads the word so far",
  "line beginnings": "reads where lines begin",
  "speaker names": "reads who speaks",
  separators: "reads spaces, line breaks and punctuation",
  "word beginnings": "reads where words begin",
  induction: "finds where the same character stood before, and reads what came after it",
};

// What a head does in words, and how much of its attention that takes.
function deedOf(map) {
  const found = patternOf(map);
  if (!found) return judged ? "The text is too short for a pattern." : "";
  const share = (weight) => `${Math.round(100 * weight)} %`;
  if (!found.named)
    return found.score == null
      ? "No pattern stands out."
      : `No pattern stands out. The closest: ${found.word}, ${share(found.score)} of its attention, [uniform](term:uniform) ${share(found.chance)}.`;
  const does = DOES[found.word] ?? `reads the character ${found.word}`;
  return `It ${does}: ${share(found.score)} of its attention goes there. If it read all alike, ${share(found.chance)} would.`;
}

const query = () => state.over?.query ?? state.pin;

// The key that is pointed at, or chosen, or has the largest weight.
function key() {
  const wanted = state.over ? state.over.key : state.key;
  if (wanted != null && wanted <= query()) return wanted;
  const row = rowOf(state.map, query());
  return row.indexOf(Math.max(...row));
}

// -- exact numbers, each requested once ---------------------------------------------------------------------------------
const asked = new Map(); // promises, by map and row

function exactly(name, question, given) {
  if (answers.has(name)) return Promise.resolve(answers.get(name));
  if (asked.has(name)) return asked.get(name);
  const of = shown;
  const answer = strivelm
    .ask(`attention.${question}`, { text: of.text, ...given })
    .then((found) => {
      if (of === shown) answers.set(name, decoded(found));
      return decoded(found);
    })
    .finally(() => asked.delete(name));
  asked.set(name, answer);
  return answer;
}

const ofRow = () =>
  exactly(`${nameOf(state.map)}.${query()}`, "row", {
    layer: layerOf(state.map),
    head: state.map % shown.heads,
    query: query(),
  });
const ofMap = () => exactly(nameOf(state.map), "exact", { map: nameOf(state.map) });

const NUMBERS = ["weights", "query", "keys", "scores", "attention"];
const decoded = (answer) =>
  Object.fromEntries(
    Object.entries(answer).map(([name, part]) => [name, NUMBERS.includes(name) ? strivelm.f32(part) : part]),
  );
