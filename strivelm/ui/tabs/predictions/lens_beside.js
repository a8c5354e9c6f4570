let shown = null; // the view's value
let lenses = []; // of each model its numbers, by depth and place
let grids = [];
let whole = false; // whether all of a grid is drawn at the moment, for a picture
let pointed = null; // the place that is pointed at, in either grid

const place = () => pointed ?? chosenPlace(lenses[0]?.chars.length ?? 1, usualPlace());

// The place to begin with: the first one at which the two models end with other characters.
function usualPlace() {
  const ends = lenses.map((lens) => (i) => lens.char(lens.depths.length - 1, i, 0));
  const differ = lenses[0]?.chars.findIndex((_, i) => ends[0](i) !== ends[1](i)) ?? -1;
  return differ < 0 ? (lenses[0]?.chars.length ?? 1) - 1 : differ;
}

function show(value) {
  shown = value;
  at(".view").hidden = !shown;
  if (!shown) return;
  pointed = null;
  lenses = shown.lenses.map(lensOf);
  nameModels(shown.names, shown.notes);
  at(".lenses").replaceChildren();
  grids = lenses.map(gridOf);
  paint();
}

function gridOf(lens, which) {
  const head = make("h4");
  head.append(modelNamed(shown.names[which], which === 1), `, ${lens.depths.length - 1} steps through the model`);
  const box = make("div", "grid");
  const depths = make("div", "depths", "", { ariaHidden: "true" });
  depths.append(
    ...["the text", ...lens.depths, "comes next"].map((name, k, all) =>
      make("span", k === 0 || k === all.length - 1 ? "text" : "", name),
    ),
  );
  const scroll = make("div", "scroll");
  const canvas = make("canvas", "cells");
  const wide = make("div", "wide");
  wide.style.width = `${lens.chars.length * CELL}px`;
  scroll.append(canvas, wide);
  box.append(depths, scroll);
  at(".lenses").append(head, box);
  const map = lensMap(canvas, scroll, {
    lens: () => lens,
    whole: () => whole,
    chosen: place,
    label: () => `${shown.names[which]}: grid of ${lens.chars.length} places by ${lens.depths.length} depths`,
    point: (_, i) => {
      pointed = i < 0 ? null : i;
      for (const [k, other] of grids.entries()) if (k !== which) other.map.draw();
      tell();
    },
    press: (_, i) => {
      choosePlace(i);
      tell();
    },
  });
  // Both show the same stretch of the text.
  scroll.addEventListener("scroll", () => {
    for (const other of grids) if (other.scroll !== scroll) other.scroll.scrollLeft = scroll.scrollLeft;
    map.draw();
  });
  return { map, scroll };
}

function paint() {
  if (!shown || !at(".lenses").clientWidth) return;
  paintPair();
  at(".legend").replaceChildren(
    strivelm.scaleBar({
      ticks: [
        [0, "0 %"],
        [1, "100 %"],
      ],
      what: "Probability of the character shown",
    }),
  );
  for (const { map } of grids) map.draw();
  tell();
}

function tell() {
  if (!shown) return;
  const i = Math.min(place(), lenses[0].chars.length - 1);
  element.dataset.looked = String(i);
  const said = lenses.map((lens, k) => {
    const last = lens.depths.length - 1;
    const settled = lens.settles[i] === last ? "only at the end" : `from ${lens.depths[lens.settles[i]]} on`;
    return `${shown.names[k]} ends with ${named(lens.char(last, i, 0))} (${strivelm.percent(lens.p(last, i, 0))}), which stands ${settled}`;
  });
  const next = lenses[0].chars[i + 1];
  at(".saying").textContent =
    `After ${named(lenses[0].chars[i])}: ${said.join("; ")}. ${next === undefined ? "The text ends here." : `The text goes on with ${named(next)}.`}`;
}

function picture() {
  whole = true;
  const drawn = grids.map(({ map }, k) => {
    map.draw();
    return map.picture({ title: `${shown.names[k]}: ${lenses[k].depths.join(", ")}` });
  });
  whole = false;
  for (const { map } of grids) map.draw();
  return strivelm.beside(drawn, 1);
}

const rows = () => [
  ["model", "position", "character", "depth", "kl_to_final_nats", "likeliest", "p"],
  ...lenses.flatMap((lens, k) =>
    lens.chars.flatMap((char, i) =>
      lens.depths.map((depth, d) => [
        shown.names[k],
        i,
        char,
        depth,
        lens.kl(d, i),
        lens.char(d, i, 0),
        lens.p(d, i, 0),
      ]),
    ),
  ),
];

toolbar("two-logit-lenses", "lens_beside", { png: picture, csv: rows });
strivelm.redrawn(at(".lenses"), paint);
show(JSON.parse(props.value));
if (inPage()) askOfBoth(TAB, "predictions.both_lenses", show);
onChoice(["at"], paint);
element.strivelm = { value: () => shown };
