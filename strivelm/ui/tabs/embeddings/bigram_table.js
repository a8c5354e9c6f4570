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
const FEW = 26; // so many characters can be named at the edges of three maps beside each other
let every = kept("rows") === "all";
let some = []; // the characters on the maps

const N = () => chars.length;
const name = (i) => glyph(chars[i]);
const ofRow = (key) => tables[key].subarray(row * N(), (row + 1) * N());

// A character that nothing follows in the training text has no shares there.
const share = (p) => (Number.isNaN(p) ? "–" : strivelm.percent(p));
// Small shares are to be seen beside large ones: the colour follows the root of a share, or of a difference.
const root = (x) => Math.sign(x) * Math.sqrt(Math.abs(x));

// The most frequent characters, and the chosen one; or all.
function chooseSome() {
  const all = chars.map((_, i) => i);
  if (every || N() <= FEW) return all;
  const often = counts.share ? [...all].sort((i, j) => counts.share[j] - counts.share[i] || i - j) : all;
  return [row, ...often.filter((i) => i !== row).slice(0, FEW - 1)].sort((i, j) => i - j);
}

// A heat map for each table: what was counted, what is compared with it, and the difference; without counts only one.
function build() {
  some = chooseSome();
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
      rows: () => some.length,
      cols: () => some.length,
      value: (i, j) => number(some[i], some[j]),
      ramp: key === "difference" ? "diverging" : "sequential",
      shade: root,
      row: (i) => name(some[i]),
      col: (j) => name(some[j]),
      axes: () => ({ rows: "character just read", cols: "next character" }),
      point: (i, j) => cross(some[i], some[j]),
      label: () => `${title}: a row for each character read, a column for the next. Arrow keys move the crosshair.`,
    });
    return { title, box, map, number };
  });
  at(".maps").dataset.many = String(maps.length);
  at(".maps").replaceChildren(...maps.map((one) => one.box));
  element.strivelm = { chars, ...tables, difference: maps[2]?.number };
}

// The crosshair of all maps at once, on the characters i and j; the row of i is shown in bars.
function cross(i, j) {
  for (const { map } of maps) map.point(some.indexOf(i), some.indexOf(j));
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
      press: () => (choose(i), refresh()),
      title: `${strivelm.percent(often[i])} of the training text`,
      share: kl[i] / most,
      ticks: [[unigram[i] / most, `without looking at the character ${fixed(unigram[i])}`]],
      value: `${fixed(kl[i], 3)} (${fixed(unigram[i])})`,
    })),
  );
  at(".kl-said").textContent = joined(
    `After each character, the most frequent first: what it costs to guess by ${second === "direct" ? "embedding and head alone" : "the model"}`,
    `instead of the counts (KL divergence), from 0 to ${fixed(most)} nats.`,
    "The line, and the number in brackets: guessing without looking at the character.",
    "Rare characters were counted too seldom to be sure of, and their bars may be cut off.",
  );
}

// Among how many equally likely characters somebody chooses who is so unsure.
const among = (nats) => (missing(nats) ? "–" : Math.exp(nats).toFixed(1));

function sentences() {
  const { size, entropy, itself } = value;
  const some =
    N() < size
      ? ` Shown are the ${whole(N())} ${value.share ? "most frequent" : "first"} of ${whole(size)} characters.`
      : "";
  at(".said").textContent =
    (tables.counted
      ? joined(
          `Who guesses by these counts is as unsure as in a choice among ${among(entropy)} characters; the model, given`,
          `that one character only, among ${among(entropy + value.mean_model_kl)}; a guess that does not look at it, among`,
          `${among(entropy + value.mean_unigram_kl)}. (It costs ${fixed(entropy)} nats on average, then ${fixed(value.mean_model_kl)} and`,
          `${fixed(value.mean_unigram_kl)} more.)`,
        )
      : "This model came without the counts of its training text, so only what the model says itself is shown.") + some;
  const against = tables.counted ? `This path loses ${fixed(value.mean_direct_kl)} nats against the counts.` : "";
  at(".direct-said").textContent =
    itself < 0.5
      ? joined(
          "Embedding and head alone, with every layer left out, give the character itself a probability of",
          `${fixed(itself)} on average: the same numbers stand for a character read and written, which pulls towards`,
          "repeating it.",
          against,
        )
      : joined(
          "Embedding and head alone, with every layer left out, are no table of pairs here.",
          "The same numbers stand for a character read and written, so this path predicts the character itself again",
          `(with probability ${fixed(itself)} on average), and the layers have to undo that.`,
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
  refresh();
}

function refresh() {
  if (!value) return;
  const usual = chars.indexOf("q");
  row = chosen(chars, usual < 0 ? 0 : usual);
  build();
  at(".rows").hidden = N() <= FEW;
  at(".rows [data-rows=few]").textContent = `${FEW} ${counts.share ? "frequent" : "of them"}`;
  at(".rows [data-rows=all]").textContent = `all ${whole(N())}`;
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
  for (const { map } of maps) map.draw();
  cross(row, [...some].sort((i, j) => after[j] - after[i] || i - j)[0]);
}

const buttons = tools("against", [
  ["modelled", "The model"],
  ["direct", "Embedding and head alone"],
]);
at(".which").append(make("span", "small", "Beside the counts"), ...buttons);
choice(buttons, "against", second, (next) => {
  second = next;
  keep("against", next, "modelled");
  refresh();
});

const sizes = tools("rows", [
  ["few", ""],
  ["all", ""],
]);
at(".rows").append(make("span", "small", "Characters"), ...sizes);
choice(sizes, "rows", every ? "all" : "few", (next) => {
  every = next === "all";
  keep("rows", next, "few");
  refresh();
});

takeAlong("next", "bigram_table", () => value, {
  python: () =>
    filled(value.python, {
      rows: `[${some.join(", ")}]`,
      row: String(row),
      second: second === "direct" ? "direct" : "model",
    }),
  png: () => strivelm.beside(maps.map(({ map, title }) => map.picture({ title }))),
  csv: () => [
    ["character", "next", ...Object.keys(tables)],
    ...chars.flatMap((char, i) =>
      chars.map((next, j) => [char, next, ...Object.values(tables).map((table) => table[i * N() + j].toPrecision(5))]),
    ),
  ],
});

start("embeddings.table", show, refresh);
