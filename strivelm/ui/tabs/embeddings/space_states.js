// The states of a text at every depth: the same points, moved by the blocks.
let shown = null,
  chars = [],
  classes,
  coordinates,
  explained,
  D = 0,
  T = 0,
  K = 0;
let depth = 0,
  by = "character",
  picked = "",
  pinned = -1,
  hovered = -1,
  three = false,
  running = 0,
  playing = 0,
  curve = null;
const canvas = at("canvas.plot"),
  slider = at(".depth input");
const here = () => (hovered >= 0 ? hovered : pinned);
const flat = () => !three || K < 3;
// Coordinates as they are drawn: those of a depth, or between two while the points move; each depth at its own scale.
let drawn = new Float32Array(0);

function scaled(d) {
  const found = new Float32Array(3 * T);
  let size = 0;
  for (let i = 0; i < T; i++)
    for (let k = 0; k < K; k++) size = Math.max(size, Math.abs((found[3 * i + k] = coordinates[(d * T + i) * K + k])));
  return found.map((x) => x / (size || 1));
}

const map = scatter(canvas, {
  size: () => T,
  tallest: 520,
  at: (i) => [drawn[3 * i], drawn[3 * i + 1], drawn[3 * i + 2]],
  three: () => !flat(),
  colour,
  radius: (i) => (chars[i] === picked ? 11 : 8),
  name: (i) =>
    by === "next" && i < T - 1 ? strivelm.glyph(chars[i]) + strivelm.glyph(chars[i + 1]) : strivelm.glyph(chars[i]),
  faded: (i) => (here() >= 0 ? chars[i] !== chars[here()] : picked !== "" && chars[i] !== picked),
  order: () => order,
  axes: () => Array(K).fill(""),
  edges: () => [],
  marked: () => (here() >= 0 ? [here()] : []),
  pick: (i, fix) => {
    if (fix) pinned = i;
    hovered = fix ? -1 : i;
    point();
    map.draw();
  },
});
let order = [],
  groups = new Map();

const WAYS = {
  character: { label: "character", of: (i) => strivelm.glyph(chars[i]) },
  class: { label: "class", of: (i) => shown.names[classes[i]] },
  next: { label: "next character", of: (i) => (i < T - 1 ? strivelm.glyph(chars[i + 1]) : "the end") },
  position: { label: "position", of: String },
};

function colour(i) {
  if (by === "position") return strivelm.colour("sequential", 0.3 + (0.65 * i) / Math.max(1, T - 1));
  if (by === "class") return classColour(classes[i]);
  const rank = groups.get(WAYS[by].of(i)) ?? 9;
  return rank < 8 ? strivelm.category(rank) : strivelm.css("--body-text-color-subdued");
}

// The most frequent groups get the colours; what is rare shares a grey.
function grouped() {
  const counts = new Map();
  for (let i = 0; i < T; i++) counts.set(WAYS[by].of(i), (counts.get(WAYS[by].of(i)) ?? 0) + 1);
  const ranked = [...counts].sort((a, b) => b[1] - a[1]);
  groups = new Map(ranked.map(([name], rank) => [name, rank]));
  const item = (text, background) => {
    const line = made("li"),
      span = made("span"),
      dot = made("i");
    dot.style.background = background;
    span.append(dot, text);
    line.append(span);
    return line;
  };
  const of = (name) => Array.from({ length: T }, (_, i) => i).find((i) => WAYS[by].of(i) === name);
  const few =
    by === "position"
      ? []
      : ranked.slice(0, by === "class" ? 9 : 8).map(([name, count]) => item(`${name} (${count})`, colour(of(name))));
  if (by === "position") few.push(item("first", colour(0)), item("last", colour(T - 1)));
  else if (by !== "class" && ranked.length > 8) few.push(item("all others", colour(of(ranked[8][0]))));
  at(".legend").replaceChildren(...few);
}

function go(next, glide) {
  next = Math.min(D - 1, Math.max(0, next));
  const from = drawn,
    to = scaled(next);
  depth = next;
  slider.value = String(depth);
  slider.setAttribute("aria-valuetext", shown.depths[depth]);
  at(".depth output").textContent = `${depth} of ${D - 1}: ${shown.depths[depth]}`;
  keep("depth", depth || "");
  said();
  curve?.mark(depth);
  cancelAnimationFrame(running);
  if (!glide || calm() || from.length !== to.length) {
    drawn = to;
    return map.draw();
  }
  const began = performance.now(),
    LONG = 450;
  const step = (now) => {
    const t = Math.min(1, Math.max(0, (now - began) / LONG)),
      eased = t * t * (3 - 2 * t);
    drawn = to.map((x, i) => from[i] + eased * (x - from[i]));
    map.draw();
    if (t < 1) running = requestAnimationFrame(step);
  };
  running = requestAnimationFrame(step);
}

function said() {
  const parts = Array.from(explained.subarray(depth * K, depth * K + Math.min(K, flat() ? 2 : 3))),
    part = parts.reduce((a, b) => a + b, 0);
  at(".said").textContent =
    `Principal components of this depth alone, which explain ${percentage(part)} of its variance${part < 0.5 ? ": what lies together here may lie apart" : ""}. From depth to depth the map is only turned and mirrored to fit the one before (Procrustes), so that points move where the model moves them. Each depth is drawn at its own scale.`;
  at(".purity-said").textContent =
    T < 2
      ? "One place has no neighbour."
      : `At depth ${depth}, ${percentage(shown.same_character[depth])} of the places have a nearest neighbour (by cosine, in all dimensions) that holds the same character, by chance ${percentage(shown.chance_character)}; ${percentage(shown.same_next[depth])} have one that is followed by the same character, by chance ${percentage(shown.chance_next)}. The dashed lines are chance.`;
}

function point() {
  const i = here();
  at(".point").textContent =
    i < 0
      ? "Point at a place on the map or in the text."
      : `Position ${i}: ${strivelm.glyph(chars[i])}, ${shown.names[classes[i]]}, after “${chars
          .slice(Math.max(0, i - 12), i)
          .map(strivelm.glyph)
          .join("")}”${i < T - 1 ? `, before “${strivelm.glyph(chars[i + 1])}”` : ""}`;
  [...at(".strip").children].forEach((one, j) => {
    one.classList.toggle("here", j === i);
    one.classList.toggle("same", j !== i && chars[j] === (i >= 0 ? chars[i] : picked));
  });
}

function strip() {
  at(".strip").replaceChildren(
    ...chars.map((char, i) => {
      const one = made("span", "", char === " " ? " " : strivelm.glyph(char));
      one.addEventListener("pointerenter", () => ((hovered = i), point(), map.draw()));
      one.addEventListener("pointerleave", () => ((hovered = -1), point(), map.draw()));
      one.addEventListener("click", () => ((pinned = i), point(), map.draw()));
      return one;
    }),
  );
}

function lines() {
  const colours = [strivelm.category(0), strivelm.category(1)],
    flatline = (x) => shown.depths.map(() => x);
  curve = chart(at(".chart"), {
    series: [
      { name: "same character", values: shown.same_character, colour: colours[0] },
      { name: "same next character", values: shown.same_next, colour: colours[1] },
      { name: "chance", values: flatline(shown.chance_character), colour: colours[0], dash: "3 4" },
      { name: "chance", values: flatline(shown.chance_next), colour: colours[1], dash: "3 4" },
    ],
    low: 0,
    high: 1,
    ticks: [0, 0.25, 0.5, 0.75, 1],
    tick: (x) => `${100 * x} %`,
    x: "depth",
    y: "share of places",
    marker: depth,
    place: (i) => shown.depths[i],
    say: (i) =>
      `${shown.depths[i]}: same character ${percentage(shown.same_character[i])}, same next ${percentage(shown.same_next[i])}`,
    step: (i) => go(i, true),
  });
}

function draw() {
  shown = JSON.parse(props.value);
  element.querySelector(".space").dataset.state = shown ? "shown" : "empty";
  if (!shown) return;
  chars = Array.from(shown.chars);
  [D, T, K] = [shown.depths.length, chars.length, shown.components];
  classes = numbers(shown.classes, "u1");
  coordinates = numbers(shown.coordinates);
  explained = numbers(shown.explained);
  canvas.values = { chars, coordinates, explained, drawn: () => drawn, places: () => map.places };
  at(".note").textContent = shown.note;
  slider.max = String(D - 1);
  pinned = hovered = -1;
  drawn = new Float32Array(0);
  const counts = new Map();
  for (const char of chars) if (char.trim()) counts.set(char, (counts.get(char) ?? 0) + 1);
  const asked = kept("letter", "");
  picked = chars.includes(asked) ? asked : ([...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "");
  at(".find input").value = strivelm.glyph(picked || " ").slice(0, picked ? undefined : 0);
  // Those of the letter that is looked at are named first, and drawn at last.
  order = chars.map((_, i) => i).sort((i, j) => (chars[j] === picked) - (chars[i] === picked) || i - j);
  at(".three").disabled = K < 3;
  strip();
  depth = Number(kept("depth", 0));
  again();
}

function again() {
  if (!shown) return;
  grouped();
  lines();
  point();
  canvas.setAttribute(
    "aria-label",
    `Map of the ${T} places of the text at a depth. Arrow keys ${flat() ? "walk from place to place" : "turn it"}, plus and minus zoom.`,
  );
  go(Number.isInteger(depth) ? depth : 0, false);
}

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
  playing = setInterval(() => (depth >= D - 1 || !element.clientWidth ? stop() : go(depth + 1, true)), 900);
});
at(".find input").addEventListener("input", (event) => {
  picked = typed(event.target.value);
  pinned = -1;
  keep("letter", picked);
  order = chars.map((_, i) => i).sort((i, j) => (chars[j] === picked) - (chars[i] === picked) || i - j);
  point();
  map.draw();
});

const buttons = Object.entries(WAYS).map(([value, { label }]) => {
  const button = made("button", "strivelm-tool", label, { type: "button" });
  button.dataset.by = value;
  return button;
});
at(".by").append(...buttons);
by = WAYS[kept("by")] ? kept("by") : "character";
choice(buttons, "by", by, (value) => {
  by = value;
  keep("by", value, "character");
  grouped();
  map.draw();
});

three = kept("dim", "2") === "3";
turning(
  map,
  () => !flat() || (three && !shown),
  (value) => {
    three = value;
    keep("dim", three ? "3" : "2", "2");
    said();
  },
);

takeAlong("states", {
  python: () =>
    shown.python.slice(0, shown.python.lastIndexOf("{depth}")) +
    depth +
    shown.python.slice(shown.python.lastIndexOf("{depth}") + 7),
  png: () => map.picture(),
  csv: () => [
    ["depth", "after", "position", "character", ...["x", "y", "z"].slice(0, K)],
    ...shown.depths.flatMap((name, d) =>
      chars.map((char, i) => [
        d,
        name,
        i,
        char,
        ...Array.from(coordinates.subarray((d * T + i) * K, (d * T + i + 1) * K)),
      ]),
    ),
  ],
});

watch("value", draw);
draw();
strivelm.redrawn(element, again);
