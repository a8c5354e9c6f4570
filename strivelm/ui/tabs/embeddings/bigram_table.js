// What comes after one character: as the training text counts it, as the model says, and how the two differ.
const TITLES = {
  counted: "Counted in the training text",
  modelled: "The model, after one character",
  direct: "Embedding and head alone",
  difference: "Model − counted",
  direct_difference: "Embedding and head alone − counted",
};
const SHORT = { counted: "counted", modelled: "model", direct: "embedding and head alone" };
let value = null;
let chars = [];
let tables = {};
let counts = {}; // how often each character was counted, and how far the tables are from that
let second = kept("against") === "direct" ? "direct" : "modelled"; // what stands beside the counts
let row = 0;
let maps = [];

const N = () => chars.length;
const name = (i) => glyph(chars[i]);
const ofRow = (key) => tables[key].subarray(row * N(), (row + 1) * N());

// A character that nothing follows in the training text has no shares there.
const share = (p) => (Number.isNaN(p) ? "–" : strivelm.percent(p));
// Small shares are to be seen beside large ones: the colour follows the root of a share, or of a difference.
const root = (x) => Math.sign(x) * Math.sqrt(Math.abs(x));

// A heat map for each table: what was counted, what is compared with it, and the difference; without counts only one.
function build() {
  maps = (tables.counted ? ["counted", second, "difference"] : [second]).map((key) => {
    const title = key === "difference" && second === "direct" ? TITLES.direct_difference : TITLES[key];
    const box = make("div");
    const board = make("div", "board");
    const canvas = make("canvas", "strivelm-plot");
    board.append(canvas);
    box.append(make("h4", "", title), board);
    const number = (i, j) => {
      const at = i * N() + j;
      return key === "difference" ? tables[second][at] - tables.counted[at] : tables[key][at];
    };
    const map = strivelm.heatMap(canvas, {
      rows: N,
      cols: N,
      value: number,
      ramp: key === "difference" ? "diverging" : "sequential",
      shade: root,
      row: name,
      col: name,
      point: cross,
      label: () => `${title}: a row for each character read, a column for the next. Arrow keys move the crosshair.`,
    });
    return { title, box, map, number };
  });
  at(".maps").dataset.many = String(maps.length);
  at(".maps").replaceChildren(...maps.map((one) => one.box));
  element.strivelm = { chars, ...tables, difference: maps[2]?.number };
}

// The crosshair of all maps at once; its row is shown in bars.
function cross(i, j) {
  for (const { map } of maps) map.point(i, j);
  const parts = Object.keys(SHORT)
    .filter((key) => tables[key] && (key !== "direct" || second === "direct"))
    .map((key) => `${SHORT[key]} ${share(tables[key][i * N() + j])}`);
  at(".readout").textContent = `${name(i)} then ${name(j)}: ${parts.join(", ")}`;
  if (i !== row) choose(i);
}

function choose(i) {
  row = i;
  keep("char", chars[i]);
  nextBars();
}

const counted = () => tables.counted && !Number.isNaN(ofRow("counted")[0]);

function nextBars() {
  const [accent, other] = [strivelm.css("--color-accent"), strivelm.category(1)];
  const first = ofRow(counted() ? "counted" : second);
  const compared = ofRow(second);
  const most = (j) => Math.max(first[j], compared[j]); // either may have one that the other lacks
  const likely = Array.from(first.keys()).sort((i, j) => most(j) - most(i));
  const shown = tables.counted ? ["counted", second] : [second];
  at(".row-title").textContent = `What comes after ${name(row)}`;
  strivelm.bars(
    at(".next"),
    likely.slice(0, 10).map((j) => ({
      name: name(j),
      glyph: true,
      bars: shown.map((key) => [0, ofRow(key)[j] || 0, key === "counted" ? other : accent]),
      value: shown.map((key) => share(ofRow(key)[j])).join(" · "),
    })),
  );
  at(".row-said").textContent = tables.counted ? "" : "The ten likeliest next characters, from 0 to 100 %.";
  if (!tables.counted) return;
  const mark = (text, colour) => {
    const word = make("b", "", text);
    word.style.color = colour;
    return word;
  };
  at(".row-said").append(
    "The ten likeliest by either, from 0 to 100 %: ",
    mark("above, counted", other),
    "; ",
    mark(`below, ${SHORT[second]}`, accent),
    ".",
  );
}

function divergences() {
  at(".kls").hidden = !tables.counted;
  if (!tables.counted) return;
  const { share: often, unigram_kl: unigram } = counts;
  const kl = second === "direct" ? counts.direct_kl : counts.model_kl;
  const seen = chars.map((_, i) => i).filter((i) => often[i] > 0);
  seen.sort((i, j) => often[j] - often[i]);
  // What was hardly counted would make all other bars short.
  const common = seen.filter((i) => often[i] > 0.001);
  const most = Math.max(1e-9, ...(common.length ? common : seen).map((i) => Math.max(kl[i], unigram[i])));
  strivelm.bars(
    at(".kl"),
    seen.map((i) => ({
      name: name(i),
      glyph: true,
      press: () => (choose(i), cross(i, 0)),
      title: `${strivelm.percent(often[i])} of the training text`,
      share: kl[i] / most,
      ticks: [[unigram[i] / most, `without looking at the character ${fixed(unigram[i])}`]],
      value: `${fixed(kl[i], 3)} (${fixed(unigram[i])})`,
    })),
  );
  at(".kl-said").textContent = joined(
    `KL(counted ‖ ${SHORT[second]}), the most frequent characters first, from 0 to ${fixed(most)} nats: what it costs`,
    `to guess by ${second === "direct" ? "embedding and head alone" : "the model"} instead of the counts.`,
    "The line, and the number in brackets: guessing without looking at the character.",
    "Rare characters were counted too seldom to be sure of, and their bars may be cut off.",
  );
}

function sentences() {
  const { size, entropy, itself } = value;
  const some =
    N() < size
      ? ` Shown are the ${whole(N())} ${value.share ? "most frequent" : "first"} of ${whole(size)} characters.`
      : "";
  at(".said").textContent =
    (tables.counted
      ? joined(
          `To guess the next character by these counts costs ${fixed(entropy)} nats on average.`,
          `The model, which is given that one character only, loses ${fixed(value.mean_model_kl)} nats more;`,
          `a guess that does not look at it loses ${fixed(value.mean_unigram_kl)} more.`,
        )
      : "This model came without the counts of its training text, so only what the model says itself is shown.") + some;
  const against = tables.counted ? `This path loses ${fixed(value.mean_direct_kl)} nats against the counts.` : "";
  at(".direct-said").textContent =
    itself < 0.5
      ? joined(
          "Embedding and head alone, with every block left out, give the character itself a probability of",
          `${fixed(itself)} on average; the head shares the embedding’s weights, which pulls towards repeating it.`,
          against,
        )
      : joined(
          "Embedding and head alone, with every block left out, are no bigram table here.",
          "The head shares the embedding’s weights, so this path predicts the character itself again (with probability",
          `${fixed(itself)} on average), and the blocks have to undo that.`,
          against,
        );
}

function show(next) {
  value = next;
  if (!isShown(value)) return;
  chars = Array.from(value.chars);
  const names = ["counted", "modelled", "direct"].filter((key) => value[key]);
  tables = Object.fromEntries(names.map((key) => [key, strivelm.f32(value[key])]));
  const measured = ["share", "model_kl", "direct_kl", "unigram_kl"].filter((key) => value[key]);
  counts = Object.fromEntries(measured.map((key) => [key, strivelm.f32(value[key])]));
  build();
  refresh();
}

function refresh() {
  if (!value) return;
  const usual = chars.indexOf("q");
  row = chosen(chars, usual < 0 ? 0 : usual);
  const ends = (least, most) => [
    [least === "0" ? 0 : -1, least],
    [1, most],
  ];
  const scales = [
    { ramp: "sequential", ticks: ends("0", "100 %"), what: "Share (coloured by its root: half way is 25 %)" },
  ];
  if (tables.counted)
    scales.push({ ramp: "diverging", ticks: ends("−100 %", "100 %"), what: "Difference (coloured by its root)" });
  at(".ramps").replaceChildren(...scales.map(strivelm.scaleBar));
  sentences();
  nextBars();
  divergences();
  // The crosshair names a row and a column from the start, on the likeliest character after the chosen one.
  const after = ofRow(counted() ? "counted" : second);
  cross(row, after.indexOf(Math.max(...after)));
  for (const { map } of maps) map.draw();
}

const buttons = tools("against", [
  ["modelled", "The model"],
  ["direct", "Embedding and head alone"],
]);
at(".which").append(make("span", "small", "Beside the counts"), ...buttons);
choice(buttons, "against", second, (next) => {
  second = next;
  keep("against", next, "modelled");
  build();
  refresh();
});

takeAlong("next", "bigram_table", () => value, {
  python: () => value.python,
  png: () => strivelm.beside(maps.map(({ map, title }) => map.picture({ title }))),
  csv: () => [
    ["character", "next", ...Object.keys(tables)],
    ...chars.flatMap((char, i) =>
      chars.map((next, j) => [char, next, ...Object.values(tables).map((table) => table[i * N() + j].toPrecision(5))]),
    ),
  ],
});

start("embeddings.table", show, refresh);
