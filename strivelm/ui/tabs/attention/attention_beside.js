const at = (name) => element.querySelector(name);
const all = (name) => [...element.querySelectorAll(name)];
const { make, inPage } = strivelm;
const TAB = "attention";
const LISTED = 6; // so many similar heads are listed
const NOTHING = [0, 0, 0, 0]; // above the diagonal: the ground

let shown = null; // the view's value
let chars = [];
let maps = []; // of each model the bytes of its heads' maps
let overlap, average, uniform;
let chosen = { which: 0, head: 0 }; // a head of the first model, or of the second
let other = 0; // the head of the other model that is shown large beside it
const tiles = [[], []];

const count = (which) => shown.sizes[which][0] * shown.sizes[which][1];
const nameOf = (which, head) => {
  const heads = shown.sizes[which][1];
  return `${Math.floor(head / heads)}.${head % heads}`;
};
const headNamed = (which, name) => Array.from({ length: count(which) }, (_, i) => nameOf(which, i)).indexOf(name);
// The overlap of the chosen head with one of the other model.
const overlapWith = (head) =>
  chosen.which ? overlap[head * count(1) + chosen.head] : overlap[chosen.head * count(1) + head];
const ranking = () =>
  Array.from({ length: count(1 - chosen.which) }, (_, i) => i).sort((a, b) => overlapWith(b) - overlapWith(a) || a - b);

const triangle = () => (chars.length * (chars.length + 1)) / 2;
const codesOf = (which, head) => maps[which].subarray(head * triangle(), (head + 1) * triangle());
const weight = (which, head, q, k) => (k > q ? NaN : (codesOf(which, head)[(q * (q + 1)) / 2 + k] / 255) ** 2);

function show(value) {
  shown = value;
  at(".two").hidden = !shown;
  if (!shown) return;
  chars = [...shown.text];
  maps = shown.maps.map(strivelm.u8);
  overlap = strivelm.f32(shown.overlap);
  [average, uniform] = [shown.average, shown.uniform].map((both) => both.map(strivelm.f32));
  nameModels(shown.names, shown.notes);
  // "0:2.1" is head 2.1 of the open model, "1:0.1" one of the model beside it.
  const [which, name] = String(strivelm.get(TAB, "beside_head") ?? shown.chosen ?? "").split(":");
  const kept = Number(which) in shown.sizes ? headNamed(Number(which), name) : -1;
  chosen = kept < 0 ? { which: 0, head: shown.first } : { which: Number(which), head: kept };
  for (const box of all(".grid")) build(box, Number(box.dataset.which));
  choose(chosen.which, chosen.head, false);
}

function build(box, which) {
  const [layers, heads] = shown.sizes[which];
  box.style.setProperty("--heads", heads);
  box.setAttribute("aria-label", `Heads of ${shown.names[which]}, a row per layer`);
  box.classList.toggle("many", heads > 6);
  box.replaceChildren();
  tiles[which] = [];
  for (let layer = 0; layer < layers; layer++) {
    box.append(make("span", "layer", String(layer)));
    for (let k = 0; k < heads; k++) {
      const head = layer * heads + k;
      const button = make("button", "tile", "", { type: "button" });
      const canvas = make("canvas");
      button.append(canvas, make("span", "words"));
      button.addEventListener("click", () => press(which, head));
      tiles[which].push({ button, canvas });
      box.append(button);
    }
  }
}

// A press on a head of the model whose head is chosen chooses that; one on the other's shows it beside, and a second
// press there turns the comparison round.
function press(which, head) {
  if (which === chosen.which || head === other) return choose(which, head);
  other = head;
  describe();
}

function choose(which, head, keeps = true) {
  chosen = { which, head };
  other = ranking()[0];
  shown.chosen = `${which}:${nameOf(which, head)}`;
  if (keeps && inPage()) strivelm.put(TAB, "beside_head", shown.chosen);
  describe();
}

function describe() {
  const { which, head } = chosen;
  const [mine, theirs] = [shown.names[which], shown.names[1 - which]];
  const order = ranking();
  tiles.forEach((some, w) =>
    some.forEach(({ button }, i) => {
      const large = w === which ? i === head : i === other;
      const words = w === which ? "" : overlapWith(i).toFixed(2);
      button.querySelector(".words").textContent = words;
      button.setAttribute("aria-pressed", String(large));
      button.tabIndex = large ? 0 : -1;
      button.title = `${shown.names[w]}, head ${nameOf(w, i)}${words && `: overlap ${words}`}`;
      button.setAttribute("aria-label", button.title);
    }),
  );
  const [best, mean, even] = [overlapWith(order[0]), average[which][head], uniform[which][head]];
  at(".verdict").textContent =
    `Head ${nameOf(which, head)} of ${mine} and head ${nameOf(1 - which, order[0])} of ${theirs} give ${percent(best)} of their attention to the same characters. ` +
    `A random head of ${theirs}: ${percent(mean)}; one that reads all alike: ${percent(even)}. ${judgement(best, mean, even)}`;
  at(".ranked").textContent = `The heads of ${theirs} most similar to head ${nameOf(which, head)} of ${mine}`;
  strivelm.bars(
    at(".similar"),
    order.slice(0, LISTED).map((i) => ({
      name: `head ${nameOf(1 - which, i)}`,
      press: () => {
        other = i;
        describe();
      },
      share: overlapWith(i),
      value: overlapWith(i).toFixed(2),
      colour: strivelm.modelColour(!which),
      mark: i === other,
      ticks: [
        [mean, `a random head ${mean.toFixed(2)}`],
        [even, `uniform ${even.toFixed(2)}`],
      ],
    })),
  );
  at(".chance").textContent = `Two heads drawn at random, one of each model: ${shown.chance.toFixed(2)}.`;
  for (const line of all(".strivelm-python")) line.remove(); // of what was chosen before
  draw();
}

const percent = (share) => `${Math.round(100 * share)} %`;

// How alike two heads are: how far from what they would have without any likeness on the way to 1.
function judgement(best, ...without) {
  if (best === 1) return "They do the same.";
  const least = Math.max(...without);
  const way = (best - least) / (1 - least);
  if (way >= 0.5) return "They look alike: that is more than halfway from there to 100 %.";
  if (way >= 0.2) return "They are somewhat alike.";
  return "That is hardly more: no head there does the same.";
}

// Which head of a model is shown large.
const large = (which) => (which === chosen.which ? chosen.head : other);

const views = all("canvas.large").map((canvas) => {
  const which = Number(canvas.dataset.which);
  return strivelm.heatMap(canvas, {
    rows: () => (shown ? chars.length : 0),
    cols: () => chars.length,
    value: (q, k) => weight(which, large(which), q, k),
    ramp: "sequential",
    shade: Math.sqrt,
    nothing: NOTHING,
    triangle: true,
    side: (width) => Math.min(width, 420),
    row: (i) => strivelm.glyph(chars[i]),
    col: (i) => strivelm.glyph(chars[i]),
    leaves: true,
    point: (q, k) => tell(which, q, k),
    label: () => `${shown.names[which]}, head ${nameOf(which, large(which))}: ${chars.length} characters`,
  });
});

function draw() {
  if (!shown || !element.clientWidth) return;
  paintPair();
  const T = chars.length;
  tiles.forEach((some, which) =>
    some.forEach(({ canvas }, head) => {
      const codes = codesOf(which, head);
      const bytes = (q) => codes.subarray((q * (q + 1)) / 2, ((q + 1) * (q + 2)) / 2);
      strivelm.heatImage({ rows: T, cols: T, ramp: "sequential", nothing: NOTHING, triangle: true, bytes }, canvas);
    }),
  );
  views.forEach((view, which) => {
    at(`.title[data-which="${which}"]`).replaceChildren(
      modelNamed(shown.names[which], which === 1),
      `, head ${nameOf(which, large(which))}`,
    );
    view.draw();
  });
  tell(0, -1, -1);
}

// The same weight in both maps.
function tell(which, q, k) {
  views[1 - which].point(q, k);
  at(".saying").textContent =
    q < 0 || k < 0 || k > q
      ? "Point at a weight to see it in both."
      : `“${strivelm.glyph(chars[q])}” (${q}) reads “${strivelm.glyph(chars[k])}” (${k}): ${[0, 1].map((w) => `${weight(w, large(w), q, k).toFixed(2)} in ${shown.names[w]}`).join(", ")}.`;
}

const rows = () => [
  [`head of ${shown.names[0]}`, `head of ${shown.names[1]}`, "overlap"],
  ...Array.from({ length: count(0) * count(1) }, (_, i) => {
    const [a, b] = [Math.floor(i / count(1)), i % count(1)];
    return [nameOf(0, a), nameOf(1, b), overlap[i]];
  }),
];

function picture() {
  const title = (which) => `${shown.names[which]}, head ${nameOf(which, large(which))}`;
  const note = `overlap ${overlapWith(other).toFixed(2)}; a random head ${average[chosen.which][chosen.head].toFixed(2)}`;
  return strivelm.beside(
    views.map((view, which) => view.picture({ title: title(which), note: which ? note : "√weight" })),
  );
}

// The lines for the chosen head: of the open model, or of the one beside.
function python() {
  const [layer, head] = nameOf(chosen.which, chosen.head).split(".");
  const line = chosen.which
    ? `overlap = found.overlap[:, :, ${layer}, ${head}]  # of each head of model with head ${layer}.${head} of beside\nprint(overlap, overlap.mean(), found.other_uniform[${layer}, ${head}])`
    : `print(found.most_similar(${layer}, ${head}, k=${LISTED}), found.average[${layer}, ${head}])`;
  return shown.python.replace("{chosen}", () => line);
}

strivelm.tools(at(".tools"), "two-models-attention", {
  python,
  png: picture,
  csv: rows,
  html: () => strivelm.file("attention_beside", shown),
});
strivelm.redrawn(element, draw);
show(JSON.parse(props.value));
if (inPage()) askOfBoth(TAB, "attention.beside", show);

// For tests and scripts: the numbers in the view, and what is chosen.
element.strivelm = {
  value: () => shown,
  overlap: (a, b) => overlap[a * count(1) + b],
  weight: (which, head, q, k) => weight(which, head, q, k),
  state: () => ({ ...chosen, name: nameOf(chosen.which, chosen.head), other: nameOf(1 - chosen.which, other) }),
};
