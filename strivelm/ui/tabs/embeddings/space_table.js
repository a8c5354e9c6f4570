// What comes after one character: as the training text counts it, as the model says, and how the two differ.
let shown = null,
  chars = [],
  tables = {},
  second = "modelled",
  row = 0,
  maps = [];
const N = () => chars.length;
const name = (i) => strivelm.glyph(chars[i]);
const TITLES = {
  counted: "Counted in the training text",
  modelled: "The model, after one character",
  direct: "Embedding and head alone",
  difference: "Model − counted",
  direct_difference: "Embedding and head alone − counted",
};
const SHORT = { counted: "counted", modelled: "model", direct: "embedding and head alone" };

// A character that nothing follows in the training text has no shares there.
const share = (p) => (Number.isNaN(p) ? "–" : strivelm.percent(p));
// Small shares are to be seen beside large ones: the colour follows the root of a share, or of a difference.
const root = (x) => Math.sign(x) * Math.sqrt(Math.abs(x));

// A heat map for each table: what was counted, what is compared with it, and the difference; without counts only one.
function build() {
  const which = tables.counted ? ["counted", second, "difference"] : [second];
  maps = which.map((key) => {
    const box = made("div"),
      board = made("div", "board"),
      canvas = made("canvas", "plot", null, { tabIndex: 0 });
    box.append(
      made("h4", "", key === "difference" && second === "direct" ? TITLES.direct_difference : TITLES[key]),
      board,
    );
    board.append(canvas);
    canvas.setAttribute("role", "img");
    canvas.setAttribute(
      "aria-label",
      `${TITLES[key]}: a row for each character read, a column for the next. Arrow keys move the crosshair.`,
    );
    const value = (i, j) =>
      key === "difference" ? tables[second][i * N() + j] - tables.counted[i * N() + j] : tables[key][i * N() + j];
    const map = heat(canvas, {
      rows: N,
      cols: N,
      value,
      ramp: key === "difference" ? "diverging" : "sequential",
      shade: root,
      row: name,
      col: name,
      side: (width) => Math.min(width, 560),
      point: (i, j) => cross(i, j),
    });
    return { key, box, map, value };
  });
  at(".maps").dataset.many = String(maps.length);
  at(".maps").replaceChildren(...maps.map((one) => one.box));
  element.values = { chars, ...tables, difference: maps[2]?.value };
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
  bars();
}

function bars() {
  const rows = Object.fromEntries(
    Object.entries(tables).map(([key, table]) => [key, table.subarray(row * N(), (row + 1) * N())]),
  );
  const first = rows.counted && !Number.isNaN(rows.counted[0]) ? rows.counted : rows[second];
  const most = (j) => Math.max(first[j], rows[second][j]); // either may have one that the other lacks
  const likely = Array.from(first.keys())
    .sort((i, j) => most(j) - most(i))
    .slice(0, 10);
  const other = strivelm.category(1),
    accent = strivelm.css("--color-accent");
  at(".row-title").textContent = `What comes after ${name(row)}`;
  at(".row").replaceChildren(
    ...likely.map((j) => {
      const both = tables.counted
        ? [
            [0, rows.counted[j] || 0, other],
            [0, rows[second][j], accent],
          ]
        : [[0, rows[second][j], accent]];
      return bar({
        who: name(j),
        bars: both,
        value: (tables.counted ? ["counted", second] : [second]).map((key) => share(rows[key][j])).join(" · "),
      });
    }),
  );
  at(".row-said").replaceChildren();
  if (!tables.counted) return void at(".row-said").append("The ten likeliest next characters, from 0 to 100 %.");
  const mark = (text, colour) => Object.assign(made("b", "", text), { style: `color: ${colour}` });
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
  const seen = chars
    .map((_, i) => i)
    .filter((i) => shown.share[i] > 0)
    .sort((i, j) => shown.share[j] - shown.share[i]);
  const kl = second === "direct" ? shown.direct_kl : shown.model_kl;
  // What was hardly counted would make all other bars short.
  const common = seen.filter((i) => shown.share[i] > 0.001);
  const most = Math.max(1e-9, ...(common.length ? common : seen).map((i) => Math.max(kl[i], shown.unigram_kl[i])));
  at(".kl").replaceChildren(
    ...seen.map((i) =>
      bar({
        who: name(i),
        press: () => (choose(i), cross(i, 0)),
        title: `${strivelm.percent(shown.share[i])} of all places`,
        bars: [[0, Math.min(1, kl[i] / most), strivelm.css("--color-accent")]],
        ticks: [[shown.unigram_kl[i] / most, "not looking at the character"]],
        value: `${fixed(kl[i], 3)} (${fixed(shown.unigram_kl[i])})`,
      }),
    ),
  );
  at(".kl-said").textContent =
    `KL(counted ‖ ${SHORT[second]}), the most frequent characters first, from 0 to ${fixed(most)}: what guessing by it costs beyond the best that one character can tell. The line, and the number in brackets: guessing without looking at the character. Rare characters were hardly counted, and may lie beyond.`;
}

function sentences() {
  const some =
    N() < shown.size
      ? ` Shown are the ${whole(N())} ${shown.share ? "most frequent" : "first"} of ${whole(shown.size)} characters.`
      : "";
  at(".said").textContent =
    (tables.counted
      ? `Who knows one character has ${fixed(shown.entropy)} nats left to guess, by the counts. The model, reading that one character alone, loses ${fixed(shown.mean_model_kl)} more; who does not look at it, ${fixed(shown.mean_unigram_kl)} more.`
      : "This model came without the counts of its training text, so only what the model says itself is shown.") + some;
  at(".direct-said").textContent =
    `Embedding and head alone, with every block left out, are no bigram table here: as the head shares the embedding’s weights, this path calls for the character itself once more (p(itself) ${fixed(shown.itself)} in the mean), and the blocks have to undo that.${tables.counted ? ` It loses ${fixed(shown.mean_direct_kl)} nats against the counts.` : ""}`;
  if (shown.itself < 0.5)
    at(".direct-said").textContent =
      `Embedding and head alone, with every block left out, give the character itself ${fixed(shown.itself)} in the mean; the head shares the embedding’s weights, which pulls towards repeating it.${tables.counted ? ` This path loses ${fixed(shown.mean_direct_kl)} nats against the counts.` : ""}`;
}

function draw() {
  shown = JSON.parse(props.value);
  element.querySelector(".space").dataset.state = shown ? "shown" : "empty";
  if (!shown) return;
  chars = Array.from(shown.chars);
  tables = {
    ...(shown.counted ? { counted: numbers(shown.counted) } : {}),
    modelled: numbers(shown.modelled),
    direct: numbers(shown.direct),
  };
  for (const key of ["share", "model_kl", "direct_kl", "unigram_kl"]) if (shown[key]) shown[key] = numbers(shown[key]);
  at(".readout").textContent = "";
  build();
  again();
}

function again() {
  if (!shown) return;
  const usual = chars.indexOf("q");
  row = chosen(chars, usual < 0 ? 0 : usual);
  const scales = [scale("sequential", ["0", "100 %"], "Share (coloured by its root: half way is 25 %)")];
  if (tables.counted) scales.push(scale("diverging", ["−100 %", "100 %"], "Difference (by its root)"));
  at(".ramps").replaceChildren(...scales);
  sentences();
  bars();
  divergences();
  // The crosshair names a row and a column from the start, on the likeliest character after the chosen one.
  const after = (tables.counted && !Number.isNaN(tables.counted[row * N()]) ? tables.counted : tables[second]).subarray(
    row * N(),
    (row + 1) * N(),
  );
  cross(row, after.indexOf(Math.max(...after)));
  for (const { map } of maps) map.draw();
}

second = kept("against") === "direct" ? "direct" : "modelled";
const buttons = [
  ["modelled", "The model"],
  ["direct", "Embedding and head alone"],
].map(([value, label]) => {
  const button = made("button", "strivelm-tool", label, { type: "button" });
  button.dataset.against = value;
  return button;
});
at(".which").append(made("span", "small", "Beside the counts"), ...buttons);
choice(buttons, "against", second, (value) => {
  second = value;
  keep("against", value, "modelled");
  build();
  again();
});

// The maps side by side in one picture.
function picture() {
  const all = maps.map(({ map }) => map.picture());
  const whole = made("canvas", "", null, {
    width: all.reduce((sum, one) => sum + one.width, 0),
    height: Math.max(...all.map((one) => one.height)),
  });
  let x = 0;
  for (const one of all) {
    whole.getContext("2d").drawImage(one, x, 0);
    x += one.width;
  }
  return whole;
}

takeAlong("next", {
  python: () => shown.python,
  png: picture,
  csv: () => [
    ["character", "next", ...Object.keys(tables)],
    ...chars.flatMap((char, i) =>
      chars.map((next, j) => [char, next, ...Object.values(tables).map((table) => table[i * N() + j].toPrecision(5))]),
    ),
  ],
});

watch("value", draw);
draw();
strivelm.redrawn(element, again);
