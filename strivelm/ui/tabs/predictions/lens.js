let shown = null; // the view's value
let lens; // its numbers, by depth and place
let chosen = 0;
let whole = false; // whether all of it is drawn at the moment, for a picture
const FIRST = 10; // as many as a phone shows
const canvas = at(".cells");
const box = at(".scroll");
const SCALE = [
  [0, "0 %"],
  [0.5, "50 %"],
  [1, "100 %"],
];

// `stepped`: whether it is another step of the same model's training: the grid stays where it is.
function show(value, stepped = false) {
  if (!stepped) map.point(-1, -1);
  shown = value;
  at(".view").hidden = !shown;
  if (!shown) return;
  lens = lensOf(shown);
  const { chars, depths } = lens;
  at(".depths").replaceChildren(
    ...["the text", ...depths, "comes next"].map((name, k, all) =>
      make("span", k === 0 || k === all.length - 1 ? "text" : "", name),
    ),
  );
  at(".wide").style.width = `${chars.length * CELL}px`;
  if (!stepped) scrolled = false;
  if (course && course.settles.length !== course.steps.length * chars.length) course = null;
  paint();
  followTraining(followed);
}

// A text is met at its beginning, or at the chosen place where that is further on.
let scrolled = false;
function scroll() {
  if (scrolled) return;
  scrolled = true;
  const right = (chosen + 1.5) * CELL;
  box.scrollLeft = right > box.clientWidth ? right - box.clientWidth / 2 : 0;
}

// The place to begin with: of the first ones, where the model finds what comes next last of all.
function usualPlace() {
  const last = lens.depths.length - 1;
  const right = (i) => lens.char(last, i, 0) === lens.chars[i + 1];
  const first = Array.from({ length: Math.min(FIRST, lens.chars.length) }, (_, i) => i);
  const worth = (i) => (right(i) ? lens.settles[i] : -1);
  return first.reduce((best, i) => (worth(i) > worth(best) ? i : best), 0);
}

// It stays while a text is followed through the training.
let usual = { key: "", place: 0 };
function usualOf() {
  const key = JSON.stringify([shown.text, strivelm.life()?.of ?? shown.model]);
  if (usual.key !== key) usual = { key, place: usualPlace() };
  return usual.place;
}

function paint() {
  if (!lens || !box.clientWidth) return;
  chosen = chosenPlace(lens.chars.length, usualOf());
  scroll();
  map.draw();
  at(".scale").replaceChildren(strivelm.scaleBar({ ticks: SCALE, what: "Probability of the character shown" }));
  at(".step").style.backgroundColor = strivelm.category(1);
  tell();
}

// At which depth the answer settles, over the training.
let course = null;
function followed(found) {
  course = found && { ...found, settles: strivelm.u8(found.settles) };
  if (lens) tellTraining();
}

function tellTraining() {
  const said = at(".training");
  const i = lookedAt()[1];
  said.hidden = !course;
  if (!course) return;
  const values = course.steps.map((_, s) => course.settles[s * lens.chars.length + i]);
  const format = (depth) => lens.depths[depth] ?? "";
  const curve = { steps: course.steps, values, at: strivelm.stopNow(), low: 0, high: course.depths - 1 };
  said.replaceChildren(
    "In training, from which row on the answer stands (higher: later): ",
    strivelm.spark({ ...curve, name: "the row from which on the answer stands", format }),
  );
}

// What is pointed at, as [depth, place]; without it the last depth of the place that all views look at.
const isPointed = () => map.cell[0] >= 0;
const lookedAt = () => (isPointed() ? map.cell : [lens.depths.length - 1, chosen]);

function tell() {
  const [d, i] = lookedAt();
  const next = lens.chars[i + 1];
  const last = lens.depths.length - 1;
  [...at(".depths").children].forEach((one, k) => one.classList.toggle("here", isPointed() && k === d + 1));
  element.dataset.cell = `${d}.${i}`;
  at(".what").textContent = heard();
  const settled = lens.settles[i] === last ? "only at the end" : `from ${lens.depths[lens.settles[i]]} on`;
  at(".how").textContent =
    `The final answer here, ${named(lens.char(last, i, 0))}, stands ${settled}` +
    `${lens.appears[i] < lens.settles[i] ? ` (and for the first time at ${lens.depths[lens.appears[i]]})` : ""}. ` +
    `${next === undefined ? "The text ends here." : `The text goes on with ${named(next)}.`} ` +
    `Blind guessing: ${strivelm.percent(1 / lens.vocabulary).replace(" ", "\u00a0")}. ` +
    `This row is ${fixed(lens.kl(d, i), 3)} nats away from the final prediction (KL divergence).`;
  strivelm.bars(
    at(".top"),
    Array.from({ length: lens.many }, (_, k) => ({
      ...standing(lens.char(d, i, k) === next),
      name: strivelm.glyph(lens.char(d, i, k)),
      glyph: true,
      share: lens.p(d, i, k),
      value: strivelm.percent(lens.p(d, i, k)),
    })),
  );
  tellTraining();
}

function heard() {
  const [d, i] = lookedAt();
  return `${lens.depths[d]}: after ${named(lens.chars[i])}, ${named(lens.char(d, i, 0))} comes next`;
}

// The keys begin where the views look.
canvas.addEventListener("keydown", () => lens && map.point(...lookedAt()));

const map = lensMap(canvas, box, {
  lens: () => lens,
  whole: () => whole,
  chosen: () => chosen,
  label: () =>
    `Grid of ${lens.chars.length} places by ${lens.depths.length} depths; arrow keys walk, Enter chooses. ${heard()}`,
  point: tell,
  press: (d, i) => {
    choosePlace(i);
    map.point(d, i);
    tell();
  },
});

// Where the keys went has to be in sight.
canvas.addEventListener("keydown", () => {
  const left = map.cell[1] * CELL;
  if (isPointed()) box.scrollLeft = Math.min(left, Math.max(box.scrollLeft, left + CELL - box.clientWidth));
});
box.addEventListener("scroll", paint);

// All places, with the names of the depths; of very long texts as many as a canvas holds.
function picture() {
  whole = true;
  map.draw();
  const grid = map.picture();
  whole = false;
  map.draw();
  const [width, height] = [150, 2 * HEAD + lens.depths.length * CELL + 2];
  const names = strivelm.picture(width, height, (drawn) => {
    drawn.fillStyle = css("--body-text-color");
    drawn.textAlign = "right";
    drawn.textBaseline = "middle";
    drawn.font = `12px ${css("--font") || "sans-serif"}`;
    lens.depths.forEach((name, d) => drawn.fillText(name, width - 8, HEAD + (d + 0.5) * CELL));
  });
  return strivelm.beside([names, grid]);
}

function rows() {
  const ranks = Array.from({ length: lens.many }, (_, k) => k),
    table = [
      ["position", "character", "depth", "kl_to_final_nats", ...ranks.flatMap((k) => [`char_${k + 1}`, `p_${k + 1}`])],
    ];
  for (let i = 0; i < lens.chars.length; i++)
    for (let d = 0; d < lens.depths.length; d++)
      table.push([
        i,
        lens.chars[i],
        lens.depths[d],
        lens.kl(d, i),
        ...ranks.flatMap((k) => [lens.char(d, i, k), lens.p(d, i, k)]),
      ]);
  return table;
}

// All of the grid, and the cell that is pointed at or chosen.
const python = () => {
  const [depth, place] = lookedAt();
  return [
    shown.python,
    `depth, place = ${depth}, ${place}  # ${lens.depths[depth]}`,
    "print(found.top_chars[depth][place], found.top_probabilities[depth, place], found.kl[depth, place])",
    "print(found.depths[found.appears[place]], found.depths[found.settles[place]])",
  ].join("\n");
};

toolbar("logit-lens", "lens", { python, png: picture, csv: rows });
strivelm.redrawn(box, paint);
show(JSON.parse(props.value));
if (inPage()) {
  strivelm.view({ tab: TAB, element, look: async (look) => show(await read("lens", {}, look), look.stepped) });
  strivelm.onLife(element, () => followTraining(followed));
}
onChoice(["at"], () => {
  scrolled = isPointed(); // where the choice was made here, it is in sight
  paint();
});
