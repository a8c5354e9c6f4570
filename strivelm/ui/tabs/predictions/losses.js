let shown = null; // the view's value
let chars, nats, entropy, rank, top, topP, tables, lines, mark;
let pointed = null;

const placeOf = (i) => i - 1; // the character i is predicted at the place before it
const lookedAt = () => pointed ?? chosenPlace(chars.length) + 1;
const rankSaid = (k) => (k === 0 ? "the likeliest" : `number ${k + 1}`);

function show(value) {
  shown = value;
  at(".view").hidden = !shown;
  if (!shown) return;
  chars = Array.from(shown.text);
  [nats, entropy, rank] = [shown.nats, shown.entropy, shown.rank].map(strivelm.f32);
  [top, topP] = [Array.from(shown.top), strivelm.probabilities(shown.top_p)];
  const flat = strivelm.f32(shown.table_nats);
  tables = Object.fromEntries(
    shown.tables.map((name, k) => [name, flat.subarray(k * chars.length, (k + 1) * chars.length)]),
  );
  lines = LINES.filter((name) => name in tables).map((name) => ({ name, values: running(tables[name]) }));
  lines.push({ name: "this model", values: running(nats), heavy: true });
  pointed = null;
  const label = (i) =>
    i === chars.length
      ? "what comes after the text"
      : `${strivelm.glyph(chars[i])} ${i ? `${nats[i].toFixed(2)} nats` : "the first"}`;
  mark = strip(at(".text"), [...chars, "…"], {
    name: "The text, coloured by surprisal",
    label,
    ground: (i) => (i && i < chars.length ? strivelm.surprise(nats[i]) : "transparent"),
    point: (i) => ((pointed = i), tell()),
    choose: (i) => {
      pointed = null;
      if (i > 0) choosePlace(placeOf(i));
      tell();
    },
  });
  at(".text").lastChild.title = "what the model expects after the text";
  means();
  if (course?.nats.length !== course?.steps.length * chars.length) course = null;
  paint();
  followTraining(followed);
}

function paint() {
  if (!shown) return;
  strivelm.surpriseKey(at(".legend"));
  chart.draw();
  for (const cell of at(".text").querySelectorAll(".cell")) {
    const i = Number(cell.dataset.i);
    cell.style.backgroundColor = i && i < chars.length ? strivelm.surprise(nats[i]) : "transparent";
  }
  tell();
}

// The loss over the training: of the character that is looked at, and of the text.
let course = null; // what "predictions.training" answers, with the nats as numbers
function followed(found) {
  course = found?.nats ? { ...found, nats: strivelm.f32(found.nats) } : null;
  if (shown) tellTraining();
}

function tellTraining() {
  const [one, all] = [at(".training"), at(".mean-training")];
  const i = lookedAt();
  one.hidden = !course || i < 1 || i >= chars.length;
  all.hidden = !course;
  if (!course) return;
  const now = strivelm.stopNow();
  const curve = (values, jump, name) => {
    const words = strivelm.strokes([{ name, steps: course.steps, jump }], "0.5 nats");
    return [strivelm.spark({ steps: course.steps, values, at: now, jump, low: 0, name }), words && ` ${words}`];
  };
  if (!one.hidden) {
    const values = course.steps.map((_, s) => course.nats[s * chars.length + i]);
    one.replaceChildren("In training: ", ...curve(values, course.jumps[i], "its surprisal"));
  }
  all.replaceChildren("In training: ", ...curve(course.mean, course.mean_jump, "the mean"));
}

// What the place pointed at has to say; without one, the place that was chosen.
function tell() {
  if (!shown) return;
  const i = lookedAt(),
    place = placeOf(i),
    came = i < chars.length;
  mark(pointed, chosenPlace(chars.length) + 1);
  element.dataset.looked = String(i);
  at(".likely").hidden = place < 0;
  at(".what").textContent = came
    ? `${named(chars[i])}${
        i
          ? ` after ${named(
              chars
                .slice(Math.max(0, i - 8), i)
                .map(strivelm.glyph)
                .join(""),
            )}`
          : ", the first character"
      }`
    : "What comes after the text";
  at(".how").textContent =
    place < 0
      ? "Nothing came before it, so it has no surprisal."
      : came
        ? `The model gave it a chance of ${strivelm.oneIn(nats[i])}: ${rankSaid(rank[i])} of ${shown.many_chars.toLocaleString("en")}. That is ${fixed(nats[i])} nats of surprisal; it expected ${fixed(entropy[i])} nats, as unsure as a choice among ${amongHowMany(entropy[i])}.`
        : "What the model would write next; the text says nothing of it.";
  const best =
    place < 0
      ? []
      : Array.from({ length: shown.many }, (_, k) => [top[place * shown.many + k], topP[place * shown.many + k]]);
  strivelm.bars(
    at(".top"),
    best.map(([char, p]) => ({
      ...standing(came && char === chars[i]),
      name: strivelm.glyph(char),
      glyph: true,
      share: p,
      value: strivelm.percent(p),
    })),
  );
  const counted =
    place < 0 || !came
      ? []
      : shown.tables.filter((name) => Number.isFinite(tables[name][i])).map((name) => [name, tables[name][i]]);
  const beside = counted.length ? [["this model", nats[i]], ...counted.reverse()] : [];
  at(".beside").hidden = !beside.length;
  strivelm.bars(
    at(".counts"),
    beside.map(([name, x]) => ({ ...standing(name === "this model"), name, share: x / MOST, value: fixed(x) })),
  );
  at(".note").textContent = shown.note ?? "";
  chart.mark(Math.min(lookedAt(), chars.length - 1));
  tellTraining();
}

function means() {
  at(".unsure").textContent =
    shown.mean === null ? "" : `This model is as unsure as a choice among ${amongHowMany(shown.mean)} characters.`;
  const rows = [["this model", shown.mean], ...shown.tables.map((name, k) => [name, shown.table_means[k]]).reverse()];
  if (!shown.tables.length) rows.push(["uniform", shown.ln_v]);
  const known = rows.filter(([, mean]) => mean !== null && mean !== undefined);
  strivelm.bars(
    at(".means"),
    known.map(([name, mean]) => ({
      ...standing(name === "this model"),
      name: name === "uniform" ? `uniform: ln ${shown.many_chars}` : name,
      share: mean / MOST,
      value: fixed(mean),
    })),
  );
}

const chart = strivelm.lineChart(at(".plot"), () => shown && described(lines, shown.ln_v));

function rows() {
  const head = [
    "index",
    "character",
    "surprisal_nats",
    "entropy_nats",
    "rank",
    ...shown.tables.map((name) => `${name}_nats`),
  ];
  const cell = (x) => (Number.isFinite(x) ? x : "");
  return [
    head,
    ...chars.map((char, i) => [
      i,
      char,
      cell(nats[i]),
      cell(entropy[i]),
      i ? rank[i] : "",
      ...shown.tables.map((name) => cell(tables[name][i])),
    ]),
  ];
}

// The coloured text as a picture, in lines of 64 characters.
function picture() {
  const per = 64,
    w = 15,
    h = 26,
    lined = [[]];
  chars.forEach((char, i) => {
    if (lined.at(-1).length === per) lined.push([]);
    lined.at(-1).push(i);
    if (char === "\n") lined.push([]);
  });
  const canvas = document.createElement("canvas"),
    width = per * w + 32,
    height = lined.length * h + 32;
  const drawn = strivelm.context(canvas, width, height, 2);
  drawn.fillStyle = css("--background-fill-primary");
  drawn.fillRect(0, 0, width, height);
  drawn.font = `16px ${css("--font-mono")}`;
  drawn.textAlign = "center";
  lined.forEach((line, row) =>
    line.forEach((i, column) => {
      const x = 16 + column * w,
        y = 16 + row * h;
      drawn.fillStyle = i ? strivelm.surprise(nats[i]) : css("--background-fill-primary");
      drawn.fillRect(x, y, w, h - 3);
      drawn.fillStyle = css("--body-text-color");
      drawn.fillText(strivelm.glyph(chars[i]), x + w / 2, y + 17);
    }),
  );
  return canvas;
}

const python = () => {
  const place = placeOf(lookedAt());
  const lines = [shown.python];
  if (place >= 0 && shown.python_place) lines.push(shown.python_place.replaceAll("{place}", String(place)));
  return lines.join("\n");
};

toolbar("loss-by-character", "losses", { python, png: picture, csv: rows });
strivelm.redrawn(at(".plot"), paint);
show(JSON.parse(props.value));
if (inPage()) {
  strivelm.view({ tab: TAB, element, look: async (look) => show(await read("losses", {}, look)) });
  strivelm.onLife(element, () => followTraining(followed));
}
onChoice(["at"], tell);
