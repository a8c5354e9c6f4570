let shown = null; // the view's value
let chars, nats, difference, kl, klReverse, mark;
let pointed = null;

const lookedAt = () => pointed ?? Math.min(chosenPlace(chars.length) + 1, chars.length - 1);

function show(value) {
  shown = value;
  at(".view").hidden = !shown;
  if (!shown) return;
  chars = Array.from(shown.text);
  const flat = strivelm.f32(shown.nats);
  nats = [flat.subarray(0, chars.length), flat.subarray(chars.length)];
  [difference, kl, klReverse] = [shown.difference, shown.kl, shown.kl_reverse].map(strivelm.f32);
  pointed = null;
  nameModels(shown.names, shown.notes);
  at(".verdict").replaceChildren(...verdict());
  at(".apart").textContent = apart();
  mark = strip(at(".text"), chars, {
    name: "The text, coloured by the model that expected each character more",
    label: (i) => `${strivelm.glyph(chars[i])} ${i ? leadOf(i) : "the first"}`,
    ground: (i) => leadGround(difference[i]),
    point: (i) => ((pointed = i), tell()),
    choose: (i) => {
      pointed = null;
      if (i > 0) choosePlace(i - 1);
      tell();
    },
  });
  paint();
}

const plural = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
const ahead = (x) => shown.names[x > 0 ? 0 : 1];

// Who expected the text more, by how much, and whether that is more than this text leaves to luck: the mean difference
// has to be more than two of its standard errors.
function verdict() {
  const { mean, error, total, wins, means } = shown;
  if (!difference.slice(1).some(Boolean)) return ["Both expected every character exactly alike: 0 nats between them."];
  const sure = error !== null && Math.abs(mean) > 2 * error;
  const who = modelNamed(ahead(mean), mean < 0);
  const much = `${Math.abs(mean).toFixed(3)}${error === null ? "" : ` ± ${error.toFixed(3)}`} nats a character`;
  const lead = ` expected this text more: by ${much} (mean difference ± its [standard error](term:standard error)), ${Math.abs(total).toFixed(1)} nats in all. `;
  const certainty =
    error === null
      ? "One character says nothing about the next. "
      : sure
        ? "That is more than two standard errors: hardly luck. "
        : "That is less than two standard errors: it may be luck; a longer text says more. ";
  const each = `${shown.names[0]} expected ${plural(wins[0], "character")} more, ${shown.names[1]} ${wins[1].toLocaleString("en")}. Mean surprisal: ${fixed(means[0])} and ${fixed(means[1])} nats.`;
  return [who, strivelm.explained(lead), make("b", "", certainty), each];
}

const apart = () =>
  `KL(${shown.names[0]} ‖ ${shown.names[1]}): the lead that ${shown.names[0]} itself expects to have there, whatever character comes. On average ${fixed(shown.mean_kl, 3)} nats; the other way round ${fixed(shown.mean_kl_reverse, 3)}.`;

const leadOf = (i) =>
  Math.abs(difference[i]) < 0.005
    ? "both alike"
    : `${ahead(difference[i])} by ${Math.abs(difference[i]).toFixed(2)} nats`;

function paint() {
  if (!shown) return;
  paintPair();
  const [first, second] = shown.names;
  at(".legend").replaceChildren(
    strivelm.scaleBar({
      ramp: "diverging",
      colour: (t) => leadGround(LEAD * t),
      ticks: [
        [-1, `${second} by ${LEAD} nats and more`],
        [1, `${first} by ${LEAD} nats and more`],
      ],
    }),
  );
  for (const cell of at(".text").querySelectorAll(".cell"))
    cell.style.backgroundColor = leadGround(difference[Number(cell.dataset.i)]);
  leads.draw();
  divergence.draw();
  tell();
}

// What the place pointed at has to say; without one, the place that was chosen.
function tell() {
  if (!shown) return;
  const i = lookedAt();
  mark(pointed, lookedAt());
  element.dataset.looked = String(i);
  at(".saying").textContent =
    i < 1
      ? "The first character: nothing came before it, so neither expected it."
      : `${named(chars[i])}: ${shown.names[0]} gave it ${strivelm.oneIn(nats[0][i])} (${fixed(nats[0][i])} nats), ${shown.names[1]} ${strivelm.oneIn(nats[1][i])} (${fixed(nats[1][i])} nats). Difference ${withSign(difference[i])}; divergence ${fixed(kl[i], 3)}.`;
  leads.mark(i);
  divergence.mark(i);
}

const soFar = () => {
  let sum = 0;
  return Array.from(difference, (x) => (Number.isFinite(x) ? (sum += x) : 0));
};
const name = (i) => strivelm.glyph(chars[i] ?? "");
const chartOf = (values, y, low, high, colour) => ({
  series: [{ name: y, values, colour, heavy: true }],
  levels: low < 0 ? [{ name: "", value: 0 }] : [],
  key: false,
  low,
  high,
  ticks: strivelm.ticks(low, high, 4),
  x: "character",
  y,
  place: name,
  places: new Set([0, chars.length - 1]),
  say: (i) => `${named(chars[i])} ${withSign(values[i])}`,
  height: 170,
});
const leads = strivelm.lineChart(at(".lead-plot"), () => {
  if (!shown) return null;
  const values = soFar();
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const edge = 0.05 * (high - low) || 1;
  return chartOf(values, "lead in nats", low - edge, high + edge, strivelm.modelColour(false));
});
const divergence = strivelm.lineChart(at(".kl-plot"), () => {
  if (!shown) return null;
  const values = Array.from(kl, (x) => (Number.isFinite(x) ? x : NaN));
  const high = Math.max(0.1, ...values.filter(Number.isFinite));
  return chartOf(values, "KL divergence in nats", 0, 1.05 * high, css("--body-text-color"));
});

function rows() {
  const cell = (x) => (Number.isFinite(x) ? x : "");
  const [first, second] = shown.names;
  return [
    ["index", "character", `${first}_nats`, `${second}_nats`, "difference_nats", "kl_nats", "kl_reverse_nats"],
    ...chars.map((char, i) => [i, char, ...[nats[0], nats[1], difference, kl, klReverse].map((all) => cell(all[i]))]),
  ];
}

// The coloured text with who expected it more, and the lead below.
function picture() {
  const [per, w, h] = [64, 15, 26];
  const lined = [[]];
  chars.forEach((char, i) => {
    if (lined.at(-1).length === per) lined.push([]);
    lined.at(-1).push(i);
    if (char === "\n") lined.push([]);
  });
  const title = `${shown.names[0]} (teal) beside ${shown.names[1]} (orange)`;
  const note = `Difference of surprisal ${withSign(shown.mean, 3)} ± ${shown.error === null ? "–" : shown.error.toFixed(3)} nats a character, ${withSign(shown.total, 1)} in all; colours end at ${LEAD} nats`;
  const text = strivelm.picture(
    per * w,
    lined.length * h,
    (drawn) => {
      drawn.font = `16px ${css("--font-mono")}`;
      drawn.textAlign = "center";
      lined.forEach((line, row) =>
        line.forEach((i, column) => {
          drawn.fillStyle = leadGround(difference[i]);
          drawn.fillRect(column * w, row * h, w, h - 3);
          drawn.fillStyle = css("--body-text-color");
          drawn.fillText(strivelm.glyph(chars[i]), column * w + w / 2, row * h + 17);
        }),
      );
    },
    { title, note },
  );
  const lead = leads.picture({ title: `Lead of ${shown.names[0]} so far` });
  return strivelm.beside([text, lead, divergence.picture({ title: "KL divergence" })], 1);
}

toolbar("two-models", "predictions_beside", { png: picture, csv: rows });
strivelm.redrawn(at(".lead-plot"), paint);
show(JSON.parse(props.value));
if (inPage()) askOfBoth(TAB, "predictions.beside", show);
onChoice(["at"], tell);

// For tests and scripts: the numbers in the view.
element.strivelm = { value: () => shown, difference: () => Array.from(difference), kl: () => Array.from(kl) };
