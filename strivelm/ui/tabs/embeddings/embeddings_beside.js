// Both maps of the characters that two models know; what is pointed at in one is pointed at in the other.
let value = null;
let chars = [];
let classes = [];
let coordinates = [];
let near = [];
let pinned = -1;
let hovered = -1;

const here = () => (hovered >= 0 ? hovered : pinned);
const neighboursOf = (which, i) => Array.from(near[which].subarray(i * value.k, (i + 1) * value.k));
const inBoth = (i) => neighboursOf(0, i).filter((j) => neighboursOf(1, i).includes(j));

function edges(which) {
  const from = here();
  if (from < 0) return [];
  const both = inBoth(from);
  const [found, quiet] = [strivelm.css("--color-accent"), strivelm.css("--body-text-color-subdued")];
  return neighboursOf(which, from).map((j) => {
    const shared = both.includes(j);
    return [from, j, shared ? found : quiet, shared ? 2.2 : 1, shared ? undefined : [3, 3]];
  });
}

const maps = all("canvas.strivelm-plot").map((canvas, which) =>
  strivelm.scatter(canvas, {
    ratio: 0.9,
    tallest: 520,
    size: () => chars.length,
    at: (i) => [0, 1, 2].map((k) => (k < value.components ? coordinates[which][i * value.components + k] : 0)),
    three: () => false,
    colour: (i) => classColour(classes[i]),
    radius: () => 8,
    name: (i) => glyph(chars[i]),
    faded: (i) => here() >= 0 && i !== here() && !neighboursOf(which, here()).includes(i),
    faint: true,
    marked: () => (here() < 0 ? [] : [here()]),
    edges: () => edges(which),
    halo: true,
    pick: (i, pin) => {
      if (pin && i >= 0) {
        pinned = i;
        keep("char", chars[i]);
      }
      hovered = i;
      about();
      for (const map of maps) map.draw();
    },
    label: () => `${value.names[which]}: map of ${whole(chars.length)} characters`,
  }),
);

function about() {
  const i = here();
  if (i < 0) return;
  const both = inBoth(i);
  at(".near-title").replaceChildren(`Neighbours of ‘${glyph(chars[i])}’ in `, modelNamed(value.names[0], false));
  for (const list of all(".near")) {
    const which = Number(list.dataset.which);
    list.replaceChildren(
      ...neighboursOf(which, i).map((j) => {
        const item = make("li", both.includes(j) ? "shared" : "", glyph(chars[j]));
        if (both.includes(j)) item.title = "a neighbour in both";
        return item;
      }),
    );
  }
  at(".saying").textContent =
    `${both.length} of its ${value.k} nearest neighbours ${both.length === 1 ? "is" : "are"} the same in both (framed).`;
  element.dataset.char = chars[i];
}

function sentences() {
  const { names, map_residual, map_chance, residual, chance, shared, shared_chance, explained, k } = value;
  at(".verdict").textContent =
    `Of a character's ${k} nearest neighbours, ${percentage(shared)} are the same in both models; drawn at random it would be ${percentage(shared_chance)}.`;
  at(".turned").replaceChildren(
    strivelm.explained(
      joined(
        `The map of ${names[1]} is turned, mirrored and scaled to fit that of ${names[0]} ([Procrustes](term:Procrustes)).`,
        `${percentage(map_residual)} of the differences on the map are left over; where characters are matched at random, ${percentage(map_chance)}.`,
        `With all numbers of the vectors, of which the maps show ${percentage(explained[0])} and ${percentage(explained[1])}: ${percentage(residual)} are left over, at random ${percentage(chance)}.`,
      ),
    ),
  );
}

function show(next) {
  value = next;
  if (!isShown(value)) return;
  chars = Array.from(value.chars);
  classes = Array.from(strivelm.u8(value.classes));
  coordinates = value.coordinates.map(strivelm.f32);
  near = value.near.map(strivelm.u16);
  nameModels(value.names, value.notes);
  sentences();
  refresh();
}

function refresh() {
  if (!value) return;
  paintPair();
  const usual = chars.indexOf("e");
  pinned = chosen(chars, usual < 0 ? 0 : usual);
  hovered = -1;
  about();
  for (const map of maps) map.draw();
}

const rows = () => [
  [
    "character",
    "class",
    ...[0, 1].flatMap((which) => [1, 2].map((k) => `${value.names[which]}_${k}`)),
    "neighbours_in_both",
  ],
  ...chars.map((char, i) => [
    char,
    value.class_names[classes[i]],
    ...[0, 1].flatMap((which) => [0, 1].map((k) => coordinates[which][i * value.components + k] ?? 0)),
    inBoth(i)
      .map((j) => chars[j])
      .join(""),
  ]),
];

takeAlong("two-models-characters", "embeddings_beside", () => value, {
  python: () => filled(value.python, { char: quoted(chars[Math.max(0, here())]) }),
  png: () =>
    strivelm.beside(
      maps.map((map, which) =>
        map.picture({
          title: value.names[which],
          note: which ? `turned onto ${value.names[0]}: ${percentage(value.map_residual)} left over` : "",
        }),
      ),
    ),
  csv: rows,
});

show(JSON.parse(props.value));
strivelm.redrawn(element, refresh);
if (strivelm.inPage()) askOfBoth(TAB, "embeddings.beside", show, () => ({}));
element.strivelm = {
  value: () => value,
  place: (which, i) => Array.from(coordinates[which].subarray(i * value.components, (i + 1) * value.components)),
  both: (char) => inBoth(chars.indexOf(char)).map((j) => chars[j]),
};
