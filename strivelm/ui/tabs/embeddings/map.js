// The characters on the directions in which their vectors differ most; what is pointed at shows its neighbours.
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

// What stands back beside the character that is pointed at, or the class that is picked out.
function isFaded(i) {
  if (hovered >= 0 || (asked && pinned >= 0)) return i !== here() && !neighboursOf(here()).includes(i);
  return only >= 0 && classes[i] !== only;
}

// Lines to the neighbours of the character that is pointed at, the nearest one's the thickest.
function edges() {
  const from = here();
  const accent = strivelm.css("--color-accent");
  return from < 0 ? [] : neighboursOf(from).map((j, rank) => [from, j, accent, 2 - rank * 0.3]);
}

const map = strivelm.scatter(canvas, {
  ratio: 0.92,
  tallest: 680,
  size: () => chars.length,
  at: (i) => [0, 1, 2].map((k) => (k < value.components ? coordinates[i * value.components + k] : 0)),
  three: () => !flat(),
  colour: (i) => classColour(classes[i]),
  radius,
  name: (i) => glyph(chars[i]),
  faded: isFaded,
  faint: true,
  order: () => order,
  axes: () => value.explained.map((part, k) => `direction ${k + 1} · ${percentage(part)}`),
  edges,
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
        `How alike they are: the cosine, from 0 to 1, of all ${whole(value.width)} numbers of the vectors, not of this map.`,
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
        keep("class", only < 0 ? "" : value.names[only]);
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
  const even = percentage(Math.min(1, K * value.even));
  at(".said").replaceChildren(
    strivelm.explained(
      joined(
        `The map shows the ${NUMBER[K]} in which the vectors differ most ([principal components](term:principal component)).`,
        `They hold ${percentage(part)} of all differences; by chance it would be ${even}.`,
        warning,
        chars.length < value.vocabulary
          ? `Shown are the ${whole(chars.length)} ${share ? "most frequent" : "first"} of ${whole(value.vocabulary)} characters.`
          : "",
      ),
    ),
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
  at(".two").parentElement.hidden = value.components < 3;
  refresh();
}

// Also when the tab is opened again: another view may have chosen another character.
function refresh() {
  if (!value) return;
  three = kept("dim", "2") === "3";
  const usual = chars.indexOf("e"); // one character shows at once what there is to see, with nothing faded
  pinned = chosen(chars, usual < 0 ? order[0] : usual);
  asked = chars.includes(kept("char", ""));
  only = value.names.indexOf(kept("class", ""));
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

// The map as it stands, as an SVG drawing: axes, lines to the neighbours, points, and the names that have room.
function drawing() {
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const at = (x) => x.toFixed(1);
  const line = ([x1, y1], [x2, y2], colour, width) =>
    `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${colour}" stroke-width="${width}"/>`;
  const [ink, quiet] = [strivelm.css("--body-text-color"), strivelm.css("--body-text-color-subdued")];
  const axes = map.lines.map(
    ([name, from, to]) =>
      `${line(from, to, strivelm.css("--border-color-primary"), 1)}<text x="${at(to[0])}" y="${at(to[1] - 4)}" fill="${quiet}" font-size="12" font-weight="400">${escaped(name)}</text>`,
  );
  const lines = edges().map(([i, j, colour, width]) => line(map.places[i], map.places[j], colour, width));
  const points = map.places.map(([x, y], i) => {
    const [colour, named] = [classColour(classes[i]), map.named.has(i)];
    const back = isFaded(i) && i !== here();
    const size = named ? radius(i) : Math.min(4, radius(i) * 0.45);
    const ring =
      i === here() ? `<circle cx="${at(x)}" cy="${at(y)}" r="${at(radius(i) + 3)}" fill="none" stroke="${ink}"/>` : "";
    const name = named
      ? `<text x="${at(x)}" y="${at(y + 5)}" fill="${colour}" fill-opacity="${back ? 0.5 : 1}">${escaped(glyph(chars[i]))}</text>`
      : "";
    return `<circle cx="${at(x)}" cy="${at(y)}" r="${at(size)}" fill="${colour}" fill-opacity="${(named ? 0.17 : 0.75) * (back ? 0.35 : 1)}"/>${ring}${name}`;
  });
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const font = 'font-family="monospace" font-weight="700" font-size="15" text-anchor="middle"';
  const ground = `<rect width="${width}" height="${height}" fill="${strivelm.css("--background-fill-primary")}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ${font}>${ground}${[...axes, ...lines, ...points].join("")}</svg>`;
}

takeAlong("characters", "map", () => value, {
  python: () =>
    filled(value.python.map, {
      char: quoted(chars[Math.max(0, here())]),
      dimensions: flat() ? Math.min(2, value.components) : 3,
    }),
  png: () => map.picture(),
  svg: drawing,
  csv: rows,
});

start("embeddings.tokens", show, refresh);
