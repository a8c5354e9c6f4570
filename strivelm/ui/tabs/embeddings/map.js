// The characters on their principal components; what is pointed at shows its neighbours.
const LITTLE = 0.5; // a share of the variance; of what explains less the view warns
const NUMBER = ["", "one direction", "two directions", "three directions"];
const canvas = at("canvas");
let value = null;
let chars = [];
let classes = [];
let coordinates, share, near, nearCosine, average;
let most = 1; // the largest share
let order = []; // the most frequent characters first
let three = kept("dim", "2") === "3";
let pinned = -1;
let hovered = -1;
let only = -1; // the class that is picked out
let asked = false; // whether a character was chosen, and not the usual one shown

const here = () => (hovered >= 0 ? hovered : pinned);
const flat = () => !three || value?.components < 3;
const radius = (i) => (share ? 5 + 10 * Math.sqrt(share[i] / most) : 8);
const neighboursOf = (i) =>
  Array.from(near.subarray(i * value.neighbours, i * value.neighbours + Math.min(5, value.neighbours)));

const map = strivelm.scatter(canvas, {
  size: () => chars.length,
  at: (i) => [0, 1, 2].map((k) => (k < value.components ? coordinates[i * value.components + k] : 0)),
  three: () => !flat(),
  colour: (i) => classColour(classes[i]),
  radius,
  name: (i) => glyph(chars[i]),
  faded: (i) =>
    hovered >= 0 || (asked && pinned >= 0)
      ? i !== here() && !neighboursOf(here()).includes(i)
      : only >= 0 && classes[i] !== only,
  faint: true,
  order: () => order,
  axes: () => value.explained.map((part, k) => `PC ${k + 1} · ${percentage(part)}`),
  edges: () => {
    const from = here();
    const accent = strivelm.css("--color-accent");
    return from < 0 ? [] : neighboursOf(from).map((j, rank) => [from, j, accent, 2 - rank * 0.3]);
  },
  marked: () => (here() < 0 ? [] : [here()]),
  pick: (i, fix) => (fix ? pin(i) : i !== hovered && hover(i)),
  label: () =>
    joined(
      `Map of ${whole(chars.length)} characters in ${flat() ? 2 : 3} dimensions.`,
      `Arrow keys ${flat() ? "walk from character to character" : "turn it"}, plus and minus zoom.`,
    ),
});

function hover(i) {
  hovered = i;
  about();
  map.draw();
}

function pin(i) {
  pinned = i;
  asked = true;
  hovered = -1;
  keep("char", i < 0 ? "" : chars[i]);
  about();
  map.draw();
}

// The character that is pointed at: its class, and its nearest neighbours as bars.
function about() {
  const i = here();
  const k = i < 0 ? 0 : value.neighbours;
  at(".about h4").textContent = i < 0 ? "Point at a character" : glyph(chars[i]);
  if (i >= 0) at(".about h4").append(" ", make("span", "", value.names[classes[i]]));
  const often = share && i >= 0 ? `${strivelm.percent(share[i])} of the training text` : "";
  at(".facts").textContent =
    i < 0 ? "Its nearest neighbours appear here. Arrow keys walk from one character to the next." : often;
  strivelm.bars(
    at(".near"),
    Array.from({ length: k }, (_, rank) => {
      const j = near[i * k + rank];
      const cosine = nearCosine[i * k + rank];
      return {
        name: glyph(chars[j]),
        glyph: true,
        press: () => pin(j),
        title: value.names[classes[j]],
        bars: [strivelm.signed(cosine, classColour(classes[j]))],
        value: fixed(cosine),
        ticks: [[average[i], `mean of all characters ${fixed(average[i])}`]],
      };
    }),
  );
  at(".chance").textContent = k
    ? joined(
        `Cosine, from 0 to 1, in all ${whole(value.width)} dimensions of the vectors, not on this map.`,
        `The line is the mean of all other characters: ${fixed(average[i])}.`,
      )
    : "";
}

function key() {
  const present = [...new Set(classes)].sort((a, b) => a - b);
  strivelm.legend(
    at(".key"),
    present.map((number) => ({
      text: `${value.names[number]} (${whole(classes.filter((one) => one === number).length)})`,
      colour: classColour(number),
      pressed: only === number,
      press: () => {
        only = only === number ? -1 : number;
        key();
        map.draw();
      },
    })),
  );
}

function sentences() {
  const K = flat() ? Math.min(2, value.components) : 3;
  const part = sum(value.explained.slice(0, K));
  const warning = part < LITTLE ? "Characters that are near each other here may lie far apart in the others." : "";
  at(".said").textContent = joined(
    `This map shows the ${NUMBER[K]} in which the vectors vary most, which explain ${percentage(part)}`,
    "of the variance;",
    `if they varied alike in all directions, as many would explain ${percentage(Math.min(1, K * value.even))}.`,
    warning,
    chars.length < value.vocabulary
      ? `Shown are the ${whole(chars.length)} ${share ? "most frequent" : "first"} of ${whole(value.vocabulary)} characters.`
      : "",
  );
  const sizes = share
    ? "A point is larger the more often its character occurs in the training text."
    : "All points have one size: this model came without the counts of its training text.";
  const moves = flat()
    ? "Drag moves the map; arrow keys walk from character to character."
    : "Drag or the arrow keys turn it; Shift and arrow keys walk from character to character.";
  at(".how").textContent = `${sizes} ${moves} + and − zoom.`;
}

function show(next) {
  value = next;
  if (!isShown(value)) return;
  chars = Array.from(value.chars);
  coordinates = strivelm.f32(value.coordinates);
  classes = Array.from(strivelm.u8(value.classes));
  share = value.share && strivelm.f32(value.share);
  near = strivelm.u16(value.near);
  nearCosine = strivelm.cosines(value.near_cosine);
  average = strivelm.f32(value.average);
  most = share ? share.reduce((a, b) => Math.max(a, b), 1e-12) : 1;
  order = chars.map((_, i) => i);
  if (share) order.sort((i, j) => share[j] - share[i]);
  element.strivelm = { chars, coordinates, nearCosine, near, explained: value.explained };
  only = -1;
  at(".three").disabled = value.components < 3;
  refresh();
}

// Also when the tab is opened again: another view may have chosen another character.
function refresh() {
  if (!value) return;
  const usual = chars.indexOf("e"); // one character shows at once what there is to see, with nothing faded
  pinned = chosen(chars, usual < 0 ? order[0] : usual);
  asked = chars.includes(kept("char", ""));
  hovered = -1;
  mark();
  key();
  sentences();
  about();
  map.draw();
}

const mark = lookControls(
  map,
  () => !flat(),
  (is) => {
    three = is;
    keep("dim", three ? "3" : "2", "2");
    sentences();
  },
);

at(".find input").addEventListener("input", (event) => {
  const i = chars.indexOf(typed(event.target.value));
  event.target.setAttribute("aria-invalid", String(event.target.value !== "" && i < 0));
  if (i >= 0) pin(i);
});

const rows = () => [
  ["character", "class", ...value.explained.map((_, k) => `pc${k + 1}`), "share"],
  ...chars.map((char, i) => [
    char,
    value.names[classes[i]],
    ...coordinates.subarray(i * value.components, (i + 1) * value.components),
    share ? share[i] : "",
  ]),
];

// The map as it stands, as an SVG drawing.
function drawing() {
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const marks = map.places.map(([x, y], i) => {
    const [left, top, colour] = [x.toFixed(1), y.toFixed(1), classColour(classes[i])];
    const name = `<text x="${left}" y="${(y + 5).toFixed(1)}" fill="${colour}">${escaped(glyph(chars[i]))}</text>`;
    return `<circle cx="${left}" cy="${top}" r="${radius(i).toFixed(1)}" fill="${colour}" fill-opacity="0.17"/>${name}`;
  });
  const size = `viewBox="0 0 ${canvas.clientWidth} ${canvas.clientHeight}"`;
  const font = 'font-family="monospace" font-weight="700" font-size="15" text-anchor="middle"';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>${marks.join("")}</svg>`;
}

takeAlong("characters", "map", () => value, {
  python: () => filled(value.python.map, { char: quoted(chars[Math.max(0, here())]) }),
  png: () => map.picture(),
  svg: drawing,
  csv: rows,
});

start("embeddings.tokens", show, refresh);
