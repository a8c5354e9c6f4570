// The five steps in bars, the draw as a line, and what asks for them when prompt and settings come to rest.
const canvas = at(".line");
const slider = at(".number input");
const asked = (name) => Number(field(name) || 0) || 0;
const QUIET = 300; // milliseconds without a change after which the settings are at rest

let found = null; // what is shown, decoded
let value = null; // the same as it came
let expected = null; // the text that is shown next, where the visitor has appended a character
let since = 0;
let answered = ""; // what was asked for what is shown
// The step, which number of the seed's stream is drawn, and the number that was chosen here in its place, or null.
const inAddress = () => [
  Math.min(Math.max(Math.round(asked("step")) - 1, 0), STEPS.length - 1),
  Math.max(Math.round(asked("nth")), 0),
  field("u") === undefined ? null : Math.min(Math.max(asked("u"), 0), 0.9999),
];
let [step, place, own] = inAddress();

const u = () => own ?? found.numbers[place] ?? found.numbers[0];

function keep() {
  strivelm.put("generate", "step", step + 1, 1);
  strivelm.put("generate", "nth", place, 0);
  strivelm.put("generate", "u", own ?? "");
}

function buttons() {
  const button = (label, className, to) => {
    const made = make("button", `strivelm-tool ${className}`, label);
    made.type = "button";
    made.addEventListener("click", () => go(to()));
    return made;
  };
  const numbered = STEPS.map((name, i) => button(`${i + 1} ${name}`, "step", () => i));
  at(".steps").replaceChildren(
    button("‹ Back", "back", () => step - 1),
    ...numbered,
    button("Next ›", "next", () => step + 1),
  );
}

function go(to) {
  step = Math.min(Math.max(to, 0), STEPS.length - 1);
  keep();
  draw();
}

// One row of bars: what it is called, how long it is, what it was before this step.
function rows() {
  const p = at_step(found, step);
  const before = before_step(found, step);
  const hit = step === 4 ? drawn(found.stages.top_p, u()).id : null;
  const low = found.logits[found.order.at(-1)],
    range = found.logits[found.order[0]] - low || 1;
  const row = (id) => ({
    id,
    name: strivelm.glyph(found.chars[id]),
    share: p ? p[id] / found.most : (found.logits[id] - low) / range,
    ghost: before ? before[id] / found.most : null,
    value: p ? strivelm.percent(p[id]) : plain(found.logits[id], 2),
    gone: removed(found, step, id),
    hit: id === hit,
  });
  const top = found.order.slice(0, TOP),
    others = found.order.slice(TOP).filter((id) => id !== hit);
  const made = top.map(row);
  if (hit !== null && !top.includes(hit)) made.push(row(hit));
  if (!others.length || !p) return made;
  const before_others = before ? sum(others.map((id) => before[id])) / found.most : null,
    held = sum(others.map((id) => p[id]));
  made.push({
    id: "rest",
    name: many(others),
    share: held / found.most,
    ghost: before_others,
    value: strivelm.percent(held),
    gone: false,
    hit: false,
  });
  return made;
}

const many = (ids) => `${whole(ids.length)} other${ids.length === 1 ? "" : "s"}`;

// What is not shown character by character.
function others() {
  const p = at_step(found, step),
    left = found.order.slice(TOP);
  if (!left.length) return "";
  const gone = left.filter((id) => removed(found, step, id)).length;
  const top = `Shown are the ${TOP} likeliest characters, struck out where removed; the ${many(left)} `;
  if (!p) return `${top}lie between ${plain(found.logits[left.at(-1)], 2)} and ${plain(found.logits[left[0]], 2)}.`;
  return `${top}hold ${strivelm.percent(sum(left.map((id) => p[id])))} together${gone ? `; ${gone === left.length ? "all" : whole(gone)} of them are removed` : ""}.`;
}

function bars() {
  const list = at(".bars"),
    all = rows();
  all.forEach((row, i) => {
    const item = list.children[i] ?? list.appendChild(make("li", ""));
    if (!item.children.length) {
      const track = make("span", "track");
      track.append(make("i", "ghost"), make("i", "fill"));
      item.append(make("b", "name"), track, make("span", "value"));
    }
    const [
      name,
      {
        children: [ghost, fill],
      },
      value,
    ] = item.children;
    name.textContent = row.name;
    value.textContent = row.value;
    fill.style.width = `${100 * Math.min(row.share, 1)}%`;
    ghost.style.width = `${100 * Math.min(row.ghost ?? 0, 1)}%`;
    ghost.hidden = !(row.ghost > 0.002); // its frame alone would look like a little
    item.className = [row.gone && "gone", row.hit && "hit", row.id === "rest" && "rest"].filter(Boolean).join(" ");
    item.dataset.id = row.id;
    item.setAttribute(
      "aria-label",
      `${row.name}: ${row.value}${row.gone && row.id !== "rest" ? ", removed" : ""}${row.hit ? ", drawn" : ""}`,
    );
  });
  while (list.children.length > all.length) list.lastChild.remove();
}

// The probabilities laid end to end, and the random number on them.
function line() {
  const width = at(".draw").clientWidth,
    p = at_step(found, step);
  if (!width) return;
  const c = strivelm.context(canvas, width, 62);
  c.font = "13px " + strivelm.css("--font-mono");
  c.textAlign = "center";
  const [ink, quiet, accent] = ["--body-text-color", "--body-text-color-subdued", "--color-accent"].map(strivelm.css);
  const grounds = [strivelm.colour("sequential", 0.12), strivelm.colour("sequential", 0.24)];
  const top = 16,
    height = 26,
    last = step === 4;
  c.fillStyle = strivelm.css("--background-fill-secondary");
  c.fillRect(0, top, width, height);
  c.fillStyle = quiet;
  if (!p) {
    c.fillText("no probabilities yet", width / 2, top + 17);
    return void canvas.setAttribute("aria-label", "No probabilities yet");
  }
  const { id: hit, ends } = drawn(p, last ? u() : 0);
  let from = 0,
    turn = 0;
  ends.forEach((to, id) => {
    const x = from * width,
      w = (to - from) * width;
    from = to;
    if (!(w > 0)) return;
    const here = last && id === hit;
    c.fillStyle = here ? accent : grounds[turn++ % 2];
    c.fillRect(x, top, w, height);
    c.fillStyle = here ? strivelm.css("--background-fill-primary") : ink;
    const glyph = strivelm.glyph(found.chars[id]);
    if (w > 9 * glyph.length + 3) c.fillText(glyph, x + w / 2, top + 17);
  });
  c.fillStyle = quiet;
  c.font = "12px " + strivelm.css("--font");
  for (const mark of [0, 0.25, 0.5, 0.75, 1]) {
    c.textAlign = mark === 0 ? "left" : mark === 1 ? "right" : "center";
    c.fillText(String(mark), mark * width, 57);
    c.fillRect(Math.min(mark * width, width - 1), top + height, 1, 3);
  }
  canvas.setAttribute("aria-label", "The probabilities laid end to end from 0 to 1, in the vocabulary's order");
  if (!last) return;
  const x = u() * width;
  c.fillStyle = c.strokeStyle = ink;
  c.fillRect(x - 1, top - 3, 2, height + 6);
  c.textAlign = x < 30 ? "left" : x > width - 30 ? "right" : "center";
  c.fillText(`u = ${plain(u(), 4)}`, Math.min(Math.max(x, 0), width), 10);
  canvas.setAttribute(
    "aria-label",
    `The probabilities laid end to end; u = ${plain(u(), 4)} falls on ${found.chars[hit]}`,
  );
}

function draw() {
  if (!found) return;
  const last = step === 4,
    hit = last ? drawn(found.stages.top_p, u()).id : null;
  at(".steps")
    .querySelectorAll(".step")
    .forEach((one, i) => (i === step ? one.setAttribute("aria-current", "step") : one.removeAttribute("aria-current")));
  at(".back").disabled = step === 0;
  at(".next").disabled = last;
  at(".sentence").replaceChildren(strivelm.explained(sentence(found, step, u(), own === null ? place : null)));
  at(".slot").textContent = last ? strivelm.glyph(found.chars[hit]) : "?";
  at(".slot").dataset.drawn = String(last);
  at(".number").hidden = at(".acts").hidden = !last;
  at(".append").hidden = !strivelm.inPage();
  slider.value = u();
  at(".number output").textContent = plain(u(), 4);
  const ghost = before_step(found, step) ? " Dotted: before this step." : "";
  at(".scale").textContent =
    step === 0
      ? `Logits; bars begin at the lowest, ${plain(found.logits[found.order.at(-1)], 2)}.`
      : `Probabilities; bars from 0 to ${strivelm.percent(found.most)} in every step.${ghost}`;
  at(".others").textContent = others();
  bars();
  line();
}

function show(next) {
  element.dataset.filled = String(Boolean(next));
  if (!next) return;
  if (found && next.text !== found.text && next.text !== expected) [place, own] = [0, null];
  if (found && next.seed !== found.seed) own = null;
  if (next.seen) ({ step, place, own } = next.seen); // a file shows what was in sight
  value = next;
  found = decoded(next);
  expected = null;
  const tail = [...found.text].slice(-40);
  at(".model").textContent = found.model;
  at(".tail").textContent = (tail.length < [...found.text].length ? "…" : "") + tail.map(strivelm.glyph).join("");
  element.querySelector(".strivelm-python")?.remove(); // it is of what was shown before
  seedUsed(at(".keep"), next.seed);
  keep();
  draw();
}

// The settings of this section, which has sliders of its own.
const slowSettings = () => ({
  temperature: field("slow_temperature"),
  top_k: field("slow_top_k"),
  top_p: field("slow_top_p"),
});

async function look({ signal, model, walked, waits }) {
  if (walked) {
    [step, place, own] = inAddress();
    draw();
  }
  if (found?.model === model) {
    waits(false); // the bars stay bright while a slider moves
    await pause(QUIET, signal);
  }
  const seed = field("seed") ?? found?.seed ?? field("slowly_drawn") ?? field("drawn") ?? "";
  const given = { prompt: prompt(), ...slowSettings(), seed: String(seed) };
  if (JSON.stringify([model, given]) === answered) return;
  waits(true);
  const next = await strivelm.ask("generate.sampling_steps", given, { of: [model], signal });
  answered = JSON.stringify([model, { ...given, seed: String(next.seed) }]);
  strivelm.put("generate", "slowly_drawn", String(next.seed) === field("seed") ? "" : next.seed);
  show(next);
  strivelm.say("slowly", "note", next.notes.join("\n"));
}

function choose(number) {
  own = Math.min(Math.max(Math.round(number * 10_000) / 10_000, 0), 0.9999);
  keep();
  draw();
}

at(".again").addEventListener("click", () => choose(Math.random()));
slider.addEventListener("input", () => choose(Number(slider.value)));
canvas.addEventListener("click", (event) => step === 4 && choose(event.offsetX / canvas.clientWidth));
at(".append").addEventListener("click", () => {
  if (!found || (expected !== null && Date.now() - since < 2000)) return; // the last one is not shown yet
  since = Date.now();
  expected = found.text + found.chars[drawn(found.stages.top_p, u()).id];
  [place, own] = [place + 1, null];
  strivelm.type("prompt", expected); // what is shown follows the prompt
});
element.addEventListener("keydown", (event) => {
  const to = { ArrowLeft: step - 1, ArrowRight: step + 1, Home: 0, End: STEPS.length - 1 }[event.key];
  if (to === undefined || !event.target.closest(".steps")) return;
  event.preventDefault();
  go(to);
  at(".steps").querySelectorAll(".step")[step].focus();
});

buttons();
strivelm.tools(at(".tools"), "strivelm-choice", {
  python: () =>
    own === null && place === 0 ? found.python : found.python.replace("u = next(uniforms(config.seed))", `u = ${u()}`),
  svg: () =>
    drawing(found, `${STEPS[step]} · after “${at(".tail").textContent}”`, wrapped(at(".sentence").textContent), rows()),
  csv: () => table(found),
  html: () => strivelm.file("sampling_steps", { ...value, seen: { step, place, own } }),
});
strivelm.redrawn(at(".draw"), draw);
document.fonts?.ready.then(draw);
show(JSON.parse(props.value));
if (strivelm.inPage()) {
  strivelm.view({ tab: "slowly", element: at("section"), look });
  strivelm.appeared(element, () => sectionInSight("slowly"));
}
