// The characters on their principal components; what is pointed at shows its neighbours.
let shown = null,
  coordinates,
  classes,
  share,
  near,
  nearCosine,
  average,
  order,
  three = kept("dim", "2") === "3";
let pinned = -1,
  hovered = -1,
  only = -1,
  asked = false;
const NOT_MUCH = 0.5;

const canvas = at("canvas.plot");
const here = () => (hovered >= 0 ? hovered : pinned);
const chars = () => shown.chars;
const flat = () => !three || shown?.components < 3;

const map = scatter(canvas, {
  size: () => shown?.chars.length ?? 0,
  at: (i) => [0, 1, 2].map((k) => (k < shown.components ? coordinates[i * shown.components + k] : 0)),
  three: () => !flat(),
  colour: (i) => classColour(classes[i]),
  radius: (i) => (share ? 5 + 10 * Math.sqrt(share[i] / shown.most) : 8),
  name: (i) => strivelm.glyph(chars()[i]),
  faded: (i) =>
    hovered >= 0 || (asked && pinned >= 0)
      ? i !== here() && !neighboursOf(here()).includes(i)
      : only >= 0 && classes[i] !== only,
  faint: true,
  order: () => order,
  axes: () => shown.explained.map((part, k) => `PC ${k + 1} · ${percentage(part)}`),
  edges: () =>
    here() < 0
      ? []
      : neighboursOf(here()).map((j, rank) => [here(), j, strivelm.css("--color-accent"), 2 - rank * 0.3]),
  marked: () => (here() < 0 ? [] : [here()]),
  pick: (i, fix) => {
    if (fix) pin(i);
    else if (i !== hovered) hover(i);
  },
});

const neighboursOf = (i) =>
  Array.from(near.subarray(i * shown.neighbours, i * shown.neighbours + Math.min(5, shown.neighbours)));

function hover(i) {
  hovered = i;
  about();
  map.draw();
}

function pin(i) {
  pinned = i;
  asked = true;
  hovered = -1;
  keep("char", i < 0 ? "" : chars()[i]);
  about();
  map.draw();
}

// Who is pointed at: what it is, and its nearest neighbours as bars.
function about() {
  const i = here();
  at(".about h4").textContent = i < 0 ? "Point at a character" : strivelm.glyph(chars()[i]);
  if (i >= 0) at(".about h4").append(" ", made("span", "", shown.names[classes[i]]));
  at(".about .facts").textContent =
    i < 0
      ? "Its nearest neighbours appear here. Arrow keys walk from one to the next."
      : share
        ? `${strivelm.percent(share[i])} of the training text`
        : "";
  const rows =
    i < 0
      ? []
      : Array.from({ length: shown.neighbours }, (_, rank) => [
          near[i * shown.neighbours + rank],
          nearCosine[i * shown.neighbours + rank],
        ]);
  at(".about .bars").replaceChildren(
    ...rows.map(([j, cosine]) =>
      bar({
        who: strivelm.glyph(chars()[j]),
        press: () => pin(j),
        title: shown.names[classes[j]],
        bars: [cosineBar(cosine, classColour(classes[j]))],
        value: fixed(cosine),
        ticks: [[average[i], "mean of all"]],
      }),
    ),
  );
  at(".about .chance").textContent =
    i < 0 || !rows.length
      ? ""
      : `Cosine, from 0 to 1, in all ${whole(shown.width)} dimensions of the vectors, not on this map. The line: a character drawn at random, ${fixed(average[i])}.`;
}

function legend() {
  const present = [...new Set(classes)].sort((a, b) => a - b);
  at(".legend").replaceChildren(
    ...present.map((number) => {
      const item = made("li"),
        button = made("button", "", null, { type: "button" });
      const dot = made("i");
      dot.style.background = classColour(number);
      button.append(dot, `${shown.names[number]} (${whole(classes.filter((c) => c === number).length)})`);
      button.setAttribute("aria-pressed", String(only === number));
      button.addEventListener("click", () => {
        only = only === number ? -1 : number;
        legend();
        map.draw();
      });
      item.append(button);
      return item;
    }),
  );
}

function sentences() {
  const K = flat() ? Math.min(2, shown.components) : 3;
  const part = shown.explained.slice(0, K).reduce((a, b) => a + b, 0);
  const warning = part < NOT_MUCH ? ": do not read too much into what lies near on it" : "";
  at(".said").textContent =
    `This map shows the ${["", "one direction", "two directions", "three directions"][K]} in which they vary most, which explain ${percentage(part)} of the variance${warning} (any ${["", "one", "two", "three"][K]} of equal directions would: ${percentage(Math.min(1, K * shown.even))}).`;
  at(".key").textContent =
    `${share ? "Sized by how often a character stands in the training text." : "All of one size: nobody counted how often they stand in the training text."} ${flat() ? "Drag moves the map; arrow keys walk from character to character." : "Drag or the arrow keys turn it; Shift and arrows walk from character to character."} + and − zoom.`;
  canvas.setAttribute(
    "aria-label",
    `Map of ${whole(chars().length)} characters in ${flat() ? 2 : 3} dimensions. Arrow keys ${flat() ? "walk from character to character" : "turn it"}, plus and minus zoom.`,
  );
}

function draw() {
  shown = JSON.parse(props.value);
  element.querySelector(".space").dataset.state = shown ? "shown" : "empty";
  if (!shown) return;
  shown.chars = Array.from(shown.chars);
  coordinates = numbers(shown.coordinates);
  classes = Array.from(numbers(shown.classes, "u1"));
  share = shown.share && numbers(shown.share);
  near = numbers(shown.near, "u2");
  nearCosine = cosines(shown.near_cosine);
  average = numbers(shown.average);
  shown.most = share ? share.reduce((a, b) => Math.max(a, b), 1e-12) : 1;
  order = chars().map((_, i) => i);
  if (share) order.sort((i, j) => share[j] - share[i]);
  canvas.values = { chars: chars(), coordinates, nearCosine, near, explained: shown.explained };
  only = -1;
  at(".three").disabled = shown.components < 3;
  again();
}

// Also when the tab is opened once more: another view may have chosen another character.
function again() {
  if (!shown) return;
  // One character shows at once what there is to see, without pushing the others back.
  const usual = chars().indexOf("e");
  pinned = chosen(chars(), usual < 0 ? order[0] : usual);
  asked = chars().includes(kept("char", ""));
  hovered = -1;
  mark();
  legend();
  sentences();
  about();
  map.draw();
}

const mark = turning(
  map,
  () => !flat(),
  (value) => {
    three = value;
    keep("dim", three ? "3" : "2", "2");
    sentences();
  },
);

at(".find input").addEventListener("input", (event) => {
  const i = chars().indexOf(typed(event.target.value));
  event.target.setAttribute("aria-invalid", String(event.target.value !== "" && i < 0));
  if (i >= 0) pin(i);
});

takeAlong("characters", {
  python: () => filled(shown.python, { char: quoted(chars()[Math.max(0, here())]), order: "class" }),
  png: () => map.picture(),
  svg: () => drawing(),
  csv: () => [
    ["character", "class", ...shown.explained.map((_, k) => `pc${k + 1}`), "share"],
    ...chars().map((char, i) => [
      char,
      shown.names[classes[i]],
      ...Array.from(coordinates.subarray(i * shown.components, (i + 1) * shown.components)),
      share ? share[i] : "",
    ]),
  ],
});

// The map as it stands, as an SVG drawing.
function drawing() {
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const marks = map.places.map(
    ([x, y], i) =>
      `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${(share ? 5 + 10 * Math.sqrt(share[i] / shown.most) : 8).toFixed(1)}" fill="${classColour(classes[i])}" fill-opacity="0.17"/><text x="${x.toFixed(1)}" y="${(y + 5).toFixed(1)}" fill="${classColour(classes[i])}">${escaped(strivelm.glyph(chars()[i]))}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${canvas.clientWidth} ${canvas.clientHeight}" font-family="monospace" font-weight="700" font-size="15" text-anchor="middle">${marks.join("")}</svg>`;
}

watch("value", draw);
draw();
strivelm.redrawn(element, again);
