// The states of a text at every depth: the same points, moved by the blocks.
const GLIDE = 450; // milliseconds from one depth to the next
const PACE = 900; // between two depths while they are played
const canvas = at("canvas");
const slider = at(".depth input");
let value = null;
let chars = [];
let classes, coordinates, explained;
let [D, T, K] = [0, 0, 0]; // how many depths, characters, components
let depth = 0;
let picked = ""; // the character that is pointed out
let pinned = -1;
let hovered = -1;
let order = []; // the points of that character first
let three = kept("dim", "2") === "3";
// Coordinates as they are drawn: those of a depth, or between two while the points move.
let drawn = new Float32Array(0);

const here = () => (hovered >= 0 ? hovered : pinned);
const flat = () => !three || K < 3;

const WAYS = {
  character: { label: "character", of: (i) => glyph(chars[i]) },
  class: { label: "class", of: (i) => value.names[classes[i]] },
  next: { label: "next character", of: (i) => (i < T - 1 ? glyph(chars[i + 1]) : "the end") },
  position: { label: "position", of: String },
};
let by = kept("by") in WAYS ? kept("by") : "character";
let ranks = new Map(); // the groups by how large they are

const map = strivelm.scatter(canvas, {
  size: () => T,
  ratio: 0.8,
  tallest: 600,
  at: (i) => [drawn[3 * i], drawn[3 * i + 1], drawn[3 * i + 2]],
  three: () => !flat(),
  colour,
  radius: (i) => (chars[i] === picked ? 11 : 8),
  name: (i) => (by === "next" && i < T - 1 ? glyph(chars[i]) + glyph(chars[i + 1]) : glyph(chars[i])),
  faded: (i) => (here() >= 0 ? chars[i] !== chars[here()] : picked !== "" && chars[i] !== picked),
  order: () => order,
  axes: () => Array(K).fill(""),
  marked: () => (here() >= 0 ? [here()] : []),
  pick: (i, fix) => {
    if (fix) pinned = i;
    hovered = fix ? -1 : i;
    follow();
  },
  label: () =>
    joined(
      `Map of the ${T} characters of the text at one depth.`,
      `Arrow keys ${flat() ? "walk from one to the next" : "turn it"}, plus and minus zoom.`,
    ),
});

const purities = strivelm.lineChart(at(".purities"), () => {
  if (!value) return null;
  const [first, second] = [strivelm.category(0), strivelm.category(1)];
  return {
    series: [
      { name: "same character", values: value.same_character, colour: first },
      { name: "same next character", values: value.same_next, colour: second },
    ],
    levels: [
      { name: "chance", value: value.chance_character, colour: first },
      { name: "chance", value: value.chance_next, colour: second },
    ].filter((level) => level.value != null),
    low: 0,
    high: 1,
    ticks: [0, 0.25, 0.5, 0.75, 1],
    tick: (x) => `${100 * x} %`,
    x: "depth",
    y: "share of characters",
    marker: depth,
    place: (i) => value.depths[i],
    say: (i) =>
      joined(
        `${value.depths[i]}: same character ${percentage(value.same_character[i])},`,
        `same next character ${percentage(value.same_next[i])}`,
      ),
    step: (i) => go(i, true),
  };
});

const COLOURS = [0, 1, 2, 3, 4, 5, 7]; // without the grey one, which is that of all others here

// The coordinates of a depth, at a scale of its own.
function scaled(d) {
  const found = new Float32Array(3 * T);
  let most = 0;
  for (let i = 0; i < T; i++)
    for (let k = 0; k < K; k++) most = Math.max(most, Math.abs((found[3 * i + k] = coordinates[(d * T + i) * K + k])));
  return found.map((x) => x / (most || 1));
}

function colour(i) {
  if (by === "position") return strivelm.colour("sequential", 0.3 + (0.65 * i) / Math.max(1, T - 1));
  if (by === "class") return classColour(classes[i]);
  const rank = ranks.get(WAYS[by].of(i)) ?? Infinity;
  return rank < COLOURS.length ? strivelm.category(COLOURS[rank]) : strivelm.css("--body-text-color-subdued");
}

// The most frequent groups get the colours; what is rare shares a grey.
function grouped() {
  const members = new Map();
  for (let i = 0; i < T; i++) members.set(WAYS[by].of(i), [...(members.get(WAYS[by].of(i)) ?? []), i]);
  const ranked = [...members].sort((a, b) => b[1].length - a[1].length);
  ranks = new Map(ranked.map(([name], rank) => [name, rank]));
  const ends = [
    { text: "first", colour: colour(0) },
    { text: "last", colour: colour(T - 1) },
  ];
  const items = ranked
    .slice(0, by === "class" ? 9 : COLOURS.length)
    .map(([name, [i, ...more]]) => ({ text: `${name} (${more.length + 1})`, colour: colour(i) }));
  if (by !== "class" && ranked.length > COLOURS.length)
    items.push({ text: "all others", colour: colour(ranked[COLOURS.length][1][0]) });
  strivelm.legend(at(".key"), by === "position" ? ends : items);
}

let frame = 0;

function go(next, glide) {
  depth = Math.min(D - 1, Math.max(0, next));
  const [from, to] = [drawn, scaled(depth)];
  slider.value = String(depth);
  slider.setAttribute("aria-valuetext", value.depths[depth]);
  at(".depth output").textContent = `${depth} of ${D - 1}: ${value.depths[depth]}`;
  keep("depth", depth || "");
  sentences();
  purities.mark(depth);
  cancelAnimationFrame(frame);
  if (!glide || calm() || from.length !== to.length) {
    drawn = to;
    return map.draw();
  }
  const began = performance.now();
  const step = (time) => {
    const t = Math.min(1, Math.max(0, (time - began) / GLIDE));
    const eased = t * t * (3 - 2 * t);
    drawn = to.map((x, i) => from[i] + eased * (x - from[i]));
    map.draw();
    if (t < 1) frame = requestAnimationFrame(step);
  };
  frame = requestAnimationFrame(step);
}

function sentences() {
  const part = sum(Array.from(explained.subarray(depth * K, depth * K + Math.min(K, flat() ? 2 : 3))));
  const warning = part < 0.5 ? "; what is near here may lie apart in the other directions" : "";
  at(".said").textContent = joined(
    `The map shows the ${flat() ? "two" : "three"} directions in which the vectors of this depth differ most, with`,
    `${percentage(part)} of all differences${warning}.`,
    "Each map is turned to fit the one before, so points move where the model moves them; each has its own scale.",
  );
  at(".purity-said").textContent =
    T < 2
      ? "A text of one character has no neighbours."
      : joined(
          `At depth ${depth}, ${percentage(value.same_character[depth])} of the characters have a nearest`,
          `neighbour that is the same character, by chance ${percentage(value.chance_character)};`,
          `${percentage(value.same_next[depth])} have one with the same next character,`,
          `by chance ${percentage(value.chance_next)}. The dashed lines are chance.`,
        );
}

// What is pointed at: in words, in the text, and on the map.
function follow() {
  const i = here();
  const before = chars
    .slice(Math.max(0, i - 12), i)
    .map(glyph)
    .join("");
  const after = i < T - 1 ? `, before “${glyph(chars[i + 1] ?? "")}”` : "";
  at(".point").textContent =
    i < 0
      ? "Point at a character on the map or in the text."
      : `Position ${i}: ${glyph(chars[i])}, ${value.names[classes[i]]}, after “${before}”${after}`;
  [...at(".strip").children].forEach((one, j) => {
    one.classList.toggle("here", j === i);
    one.classList.toggle("same", j !== i && chars[j] === (i >= 0 ? chars[i] : picked));
  });
  map.draw();
}

function buildStrip() {
  at(".strip").replaceChildren(
    ...chars.map((char, i) => {
      const one = make("span", "", char === " " ? " " : glyph(char));
      one.addEventListener("pointerenter", () => ((hovered = i), follow()));
      one.addEventListener("pointerleave", () => ((hovered = -1), follow()));
      one.addEventListener("click", () => ((pinned = i), follow()));
      return one;
    }),
  );
}

// Points of the picked character are named first.
const ordered = () => chars.map((_, i) => i).sort((i, j) => (chars[j] === picked) - (chars[i] === picked) || i - j);

function show(next) {
  value = next;
  if (!isShown(value)) return;
  stop();
  chars = Array.from(value.chars);
  [D, T, K] = [value.depths.length, chars.length, value.components];
  classes = strivelm.u8(value.classes);
  coordinates = strivelm.f32(value.coordinates);
  explained = strivelm.f32(value.explained);
  element.strivelm = { chars, coordinates, explained, drawn: () => drawn };
  at(".note").textContent = value.note;
  slider.max = String(D - 1);
  pinned = hovered = -1;
  drawn = new Float32Array(0);
  const counts = new Map();
  for (const char of chars) if (char.trim()) counts.set(char, (counts.get(char) ?? 0) + 1);
  const letter = kept("letter", "");
  picked = chars.includes(letter) ? letter : ([...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "");
  at(".find input").value = picked && glyph(picked);
  order = ordered();
  at(".two").parentElement.hidden = K < 3;
  buildStrip();
  depth = Number(kept("depth", 0));
  refresh();
}

function refresh() {
  if (!value) return;
  three = kept("dim", "2") === "3";
  mark();
  grouped();
  go(Number.isInteger(depth) ? depth : 0, false);
  purities.draw();
  follow();
}

let playing = 0;

function stop() {
  clearInterval(playing);
  playing = 0;
  at(".play").textContent = "Play";
}

slider.addEventListener("input", () => (stop(), go(Number(slider.value), true)));
at(".play").addEventListener("click", () => {
  if (playing) return stop();
  at(".play").textContent = "Stop";
  go(depth >= D - 1 ? 0 : depth + 1, true);
  playing = setInterval(() => (depth >= D - 1 || !element.clientWidth ? stop() : go(depth + 1, true)), PACE);
});
at(".find input").addEventListener("input", (event) => {
  picked = typed(event.target.value);
  pinned = -1;
  keep("letter", picked);
  order = ordered();
  follow();
});

const buttons = tools(
  "by",
  Object.entries(WAYS).map(([way, { label }]) => [way, label]),
);
at(".by").append(...buttons);
choice(buttons, "by", by, (way) => {
  by = way;
  keep("by", way, "character");
  grouped();
  map.draw();
});

const mark = lookControls(
  map,
  () => three && (!value || K > 2),
  (is) => {
    three = is;
    keep("dim", three ? "3" : "2", "2");
    sentences();
  },
);

// The map of the depth that is shown, in two dimensions or three, and how many neighbours are alike there.
const pythonOfDepth = () =>
  [
    `depth = ${depth}  # ${value.depths[depth]}`,
    `print(found.coordinates[depth, :, :${flat() ? Math.min(2, K) : 3}], found.explained[depth])`,
    "print(found.same_character[depth], found.chance_character, found.same_next[depth], found.chance_next)",
  ].join("\n");

takeAlong("states", "states", () => value, {
  python: () => `${value.python}\n${pythonOfDepth()}`,
  png: () => map.picture({ title: `After ${value.depths[depth]}`, note: `Model: ${value.model}` }),
  csv: () => [
    ["depth", "after", "position", "character", ...["x", "y", "z"].slice(0, K)],
    ...value.depths.flatMap((name, d) =>
      chars.map((char, i) => [d, name, i, char, ...coordinates.subarray((d * T + i) * K, (d * T + i + 1) * K)]),
    ),
  ],
});

start("embeddings.states", show, refresh, () => ({ text: strivelm.get(TAB, "text") ?? "" }));
