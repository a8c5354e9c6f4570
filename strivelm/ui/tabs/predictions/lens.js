let shown = null; // the view's value
let lens; // its numbers, by depth and place
let pointed = null;
let chosen = 0;
const canvas = at(".cells");
const box = at(".scroll");

function show(value) {
  shown = value;
  at(".view").hidden = !shown;
  if (!shown) return;
  const chars = Array.from(shown.text);
  const { many, depths } = shown;
  const [top, topP, kl] = [Array.from(shown.top), strivelm.probabilities(shown.top_p), strivelm.f32(shown.kl)];
  const place = (d, i, k) => (d * chars.length + i) * many + k;
  lens = {
    chars,
    depths,
    many,
    appears: shown.appears,
    settles: shown.settles,
    vocabulary: shown.many_chars,
    p: (d, i, k) => topP[place(d, i, k)],
    char: (d, i, k) => top[place(d, i, k)],
    kl: (d, i) => kl[d * chars.length + i],
  };
  pointed = null;
  at(".depths").replaceChildren(
    ...["the text", ...depths, "comes next"].map((name, k, all) =>
      make("span", k === 0 || k === all.length - 1 ? "text" : "", name),
    ),
  );
  at(".wide").style.width = `${chars.length * CELL.width}px`;
  scrolled = false;
  paint();
}

const height = () => 2 * CELL.head + lens.depths.length * CELL.height;

// A long text is met at its end, where the choice usually is.
let scrolled = false;
function scroll() {
  if (!scrolled) box.scrollLeft = Math.max(0, (chosen + 1.5) * CELL.width - box.clientWidth);
  scrolled = true;
}

function paint() {
  if (!lens || !box.clientWidth) return;
  chosen = chosenPlace(lens.chars.length);
  scroll();
  const from = Math.floor(box.scrollLeft / CELL.width),
    shift = box.scrollLeft - from * CELL.width;
  const to = Math.min(lens.chars.length, from + Math.ceil(box.clientWidth / CELL.width) + 1);
  cells(canvas, lens, { from, to, shift, width: box.clientWidth, height: height(), pointed, chosen });
  scaleOf(at(".scale"));
  at(".step").style.backgroundColor = strivelm.category(1);
  tell();
}

function tell() {
  const [i, d] = pointed ?? [chosen, lens.depths.length - 1],
    next = lens.chars[i + 1],
    last = lens.depths.length - 1;
  [...at(".depths").children].forEach((one, k) => one.classList.toggle("here", Boolean(pointed) && k === d + 1));
  element.dataset.cell = `${d}.${i}`;
  at(".what").textContent = `${lens.depths[d]}: after ${named(lens.chars[i])}, ${named(lens.char(d, i, 0))} comes next`;
  const settled = lens.settles[i] === last ? "only at the end" : `from ${lens.depths[lens.settles[i]]} on`;
  at(".how").textContent =
    `KL to the final prediction ${fixed(lens.kl(d, i), 3)} nats. The final answer here, ${named(lens.char(last, i, 0))}, stands ${settled}` +
    `${lens.appears[i] < lens.settles[i] ? ` (and for the first time at ${lens.depths[lens.appears[i]]})` : ""}. ` +
    `${next === undefined ? "The text ends here." : `The text goes on with ${named(next)}.`} Uniform guessing: ${strivelm.percent(1 / lens.vocabulary).replace(" ", "\u00a0")}.`;
  canvas.setAttribute(
    "aria-label",
    `Grid of ${lens.chars.length} places by ${lens.depths.length} depths; arrow keys walk, Enter chooses. ${at(".what").textContent}`,
  );
  bars(
    at(".top"),
    Array.from({ length: lens.many }, (_, k) => ({
      name: strivelm.glyph(lens.char(d, i, k)),
      glyph: true,
      share: lens.p(d, i, k),
      said: strivelm.percent(lens.p(d, i, k)),
      mark: lens.char(d, i, k) === next,
    })),
  );
}

function under(event) {
  const edge = canvas.getBoundingClientRect();
  const i = Math.floor((event.clientX - edge.left + box.scrollLeft) / CELL.width);
  const d = Math.floor((event.clientY - edge.top - CELL.head) / CELL.height);
  return i >= 0 && i < lens.chars.length ? [i, Math.min(lens.depths.length - 1, Math.max(0, d))] : null;
}

function point(where) {
  pointed = where;
  paint();
}

canvas.addEventListener("pointermove", (event) => lens && point(under(event)));
canvas.addEventListener("pointerleave", (event) => lens && event.pointerType !== "touch" && point(null));
canvas.addEventListener("click", (event) => {
  const where = lens && under(event);
  if (!where) return;
  choosePlace(where[0], lens.chars.length);
  point(where);
});
canvas.addEventListener("keydown", (event) => {
  const [i, d] = pointed ?? [chosen, lens.depths.length - 1];
  const to = {
    ArrowLeft: [i - 1, d],
    ArrowRight: [i + 1, d],
    ArrowUp: [i, d - 1],
    ArrowDown: [i, d + 1],
    Home: [0, d],
    End: [lens.chars.length - 1, d],
  }[event.key];
  if (to) {
    pointed = [
      Math.min(lens.chars.length - 1, Math.max(0, to[0])),
      Math.min(lens.depths.length - 1, Math.max(0, to[1])),
    ];
    const left = pointed[0] * CELL.width;
    box.scrollLeft = Math.min(left, Math.max(box.scrollLeft, left + CELL.width - box.clientWidth));
    paint();
  } else if (event.key === "Enter" || event.key === " ") choosePlace(i, lens.chars.length);
  else return;
  event.preventDefault();
});
box.addEventListener("scroll", paint);

// All places, with the names of the depths, as one picture; very long texts up to what a canvas holds.
function picture() {
  const names = 150,
    to = Math.min(lens.chars.length, 300),
    grid = document.createElement("canvas"),
    whole = document.createElement("canvas");
  const width = to * CELL.width;
  cells(grid, lens, { from: 0, to, shift: 0, width, height: height(), pointed: null, chosen: null, scale: 2 });
  const drawn = strivelm.context(whole, names + width, height(), 2);
  drawn.fillStyle = css("--background-fill-primary");
  drawn.fillRect(0, 0, names + width, height());
  drawn.drawImage(grid, names, 0, width, height());
  drawn.fillStyle = css("--body-text-color");
  drawn.textAlign = "right";
  drawn.textBaseline = "middle";
  drawn.font = `12px ${getComputedStyle(element).fontFamily}`;
  lens.depths.forEach((name, d) => drawn.fillText(name, names - 8, CELL.head + (d + 0.5) * CELL.height));
  return whole;
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

toolbar("logit-lens", "lens", { png: picture, csv: rows }, () => ({ ...shown, at: chosen }));
strivelm.redrawn(box, paint);
show(JSON.parse(props.value));
if (inPage()) {
  strivelm.view({ tab: TAB, element, look: async (look) => show(await read("lens", {}, look)) });
  onChoice(["at"], paint);
}
