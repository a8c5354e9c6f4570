// Has the model write: anew, on, or from a character that the visitor forces; and says how it went.
const count = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
const LONGEST_TEXT = 2000; // limits.PROMPT_CHARACTERS
const ANEW = { from: 0 };
const given = JSON.parse(props.value);
const ARRIVES = Boolean(given?.arrives); // whether a text comes without a press
let next = null; // what a press asks for: the place it begins at, the character that is forced there, how it is shown
let planned = 0; // how long the text is to become
let running = null; // the writing that is on its way

// One line about the text: why it ended, how long it is, how fast it came, and the seed that brings it back.
function summary() {
  const run = shown.runs.at(-1);
  const many = shown.chars.length;
  const last = many - (run?.from ?? 0);
  if (!shown.head) return "Nothing written yet";
  if (writing()) return running?.slowly ? "Writing, one character at a time…" : "Writing…";
  const reason =
    { complete: "Finished", time: `Time is up after ${Math.round(shown.seconds)} seconds` }[shown.ended] ?? "Stopped";
  const speed =
    shown.seconds > 0 && last
      ? `, ${run.from ? `the last ${last.toLocaleString("en")} at ` : ""}${Math.round(last / shown.seconds).toLocaleString("en")} a second`
      : "";
  return `${reason}: ${count(many, "character")}${speed}, seed ${run.seed}`;
}

// Who wrote it, and how unsure it was: in words, then in numbers.
function by() {
  if (!shown.head) return [];
  const who = `Written by ${writtenBy(shown.head)}`;
  if (!shown.chars.length) return [who];
  const loss = shown.head.loss;
  const apart = loss === null ? [] : [`; on text that it has not learnt from: ${loss.toFixed(2)}`];
  return [
    `${who}, on average ${choosing(mean())} (`,
    term("surprisal"),
    ` ${mean().toFixed(2)} `,
    term("nats", "nat"),
    ...apart,
    ")",
  ];
}

// -- writing ----------------------------------------------------------------------------------------------------------
function write(what) {
  next = what;
  view.again();
}

// What is to be written: { prompt, runs, forced, end }, the settings from a place on, characters by place, the length.
function plan({ from, char }) {
  const settings = sampling();
  if (from === 0 && char === undefined)
    return { prompt: prompt(), runs: [{ from, ...settings }], forced: new Map(), end: field("count") };
  settings.seed ||= String(shown.runs.at(-1).seed);
  const forced = new Map(char === undefined ? [] : [[from, char]]);
  // What is forced leaves the text as long as it was, or was to become.
  const end = char === undefined ? from + field("count") : Math.max(shown.chars.length, planned, field("count"));
  return { prompt: shown.head.prompt, runs: [{ from, ...settings }], forced, end };
}

// The page is opened, or another model is: a text comes by itself, the link's if there is one. Else a key was pressed.
const byItself = (model) => shown.head?.model !== model && ARRIVES;

async function look({ signal, model, walked, stepped, waits }) {
  if (!next && walked && asLinked(model)) return;
  if (!next && stepped && shown.head && (await showStep(model, signal))) return;
  const link = walked || stepped || !isKept();
  const what = next ?? { from: 0, slowly: !stepped && byItself(model), linked: link ? fromLink() : null };
  next = arriving = null;
  const mine = (running = { slowly: Boolean(what.slowly) });
  const asked = what.linked ? { prompt: prompt(), ...what.linked } : plan(what);
  const forced = new Map([...forcedBefore(asked.runs[0].from), ...asked.forced]);
  const sofar = shown.chars.slice(0, asked.runs[0].from).map((one) => one.char);
  const list = questions(asked);
  // The text of another step of a training takes the place of the one before at once, where one question writes it.
  const late = stepped && what.linked && list.length === 1 ? [] : null;
  let begun = false;
  let arrival = null;
  buttons();
  const part = (piece) => (late ? late.push(piece) : hear(piece));
  const hear = (piece) => {
    if (piece.characters) {
      sofar.push(...piece.characters.map(([char]) => char));
      if (piece.ended === "complete" && sofar.length < asked.end) delete piece.ended; // of one question of several
      return arriving ? wait(piece) : grow(piece);
    }
    begin(piece);
    if (begun) return;
    begun = true;
    waits(false);
    planned = asked.end;
    following = !forcing;
    keepLink(forced, asked.end);
    strivelm.say("generate", "note", piece.notes.join("\n"));
    if (what.slowly && SHOWS_MOTION) arrival = arrive(signal);
    else closeShow();
    draw(true);
  };
  try {
    if (what.slowly) {
      if (!shown.head) waits(false); // what another model wrote stays dimmed until this one's text comes
      await inSight(signal);
    }
    strivelm.say("generate", "waiting", FULL);
    let drawn; // the seed of all questions, where none was given
    for (const { from, ...given } of list) {
      if (sofar.length < from) break; // the time was over
      if (drawn !== undefined) given.seed ||= drawn;
      given.prompt = asked.prompt;
      given.text = sofar.join("");
      await strivelm.ask("generate.write", given, { of: [model], signal, lane: "writing", part });
      late?.forEach(hear);
      drawn ??= String(shown.runs.at(-1).seed);
    }
    await arrival?.done;
  } finally {
    if (running === mine) {
      running = null;
      forcing = false;
      closeShow();
      if (begun) shown.ended ||= "stopped";
      else strivelm.say("generate");
      draw(false);
      if (begun) rest();
    }
  }
}

const forcedBefore = (place) =>
  new Map(shown.chars.flatMap((one, i) => (one.forced && i < place ? [[i, one.char]] : [])));

function grow({ characters, seconds, ended = "" }) {
  Object.assign(shown, { seconds, ended });
  reveal(characters);
}

function reveal(characters) {
  const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 40;
  append(characters);
  draw(false);
  if (atEnd && following) page.scrollTop = page.scrollHeight;
  else if (forcing) intoSight(pinned);
}

// A text that has come to rest shows at once what there is to see: where the model was surprised the most.
function rest() {
  const followed = page.scrollHeight - page.scrollTop - page.clientHeight < 40;
  if (pinned < 0 && shown.chars.length) {
    const most = shown.chars.reduce((best, one, i) => (one.nats > shown.chars[best].nats ? i : best), 0);
    choose(most, { stay: true, title: true });
  } else choose(chosen, {});
  if (followed) intoSight(chosen);
  if (!strivelm.inPage()) return;
  keepLink(forcedBefore(shown.chars.length), shown.chars.length);
  // As much as a tab takes; what the model does not see of it at once, the tab says itself.
  strivelm.type("written", [...(shown.head.read + text())].slice(-LONGEST_TEXT).join(""));
  lookUp();
  filmRests();
}

// `fresh`: whether it is another text than before, or another part of one.
function draw(fresh) {
  at(".empty").hidden = Boolean(shown.head);
  at(".status").textContent = summary();
  at(".by").replaceChildren(...(writing() ? [] : by()));
  seedUsed(at(".keep"), writing() ? null : shown.runs.at(-1)?.seed);
  at(".foot").hidden = !shown.head;
  at(".overlap-switch").hidden = !strivelm.inPage() && !shown.overlap?.spans;
  at(".mark").hidden = !shown.chars.some((one) => one.forced);
  page.setAttribute("aria-busy", String(writing()));
  element.dataset.writing = String(writing());
  at(".copy").disabled = !shown.chars.length;
  for (const tool of at(".tools").children) tool.disabled = writing() || !shown.chars.length;
  if (fresh) element.querySelector(".strivelm-python")?.remove();
  if (!shown.chars.length) pinned = -1;
  if (chosen >= shown.chars.length || (chosen < 0 && pinned >= 0) || fresh) choose(pinned);
  buttons();
  underline();
}

function buttons() {
  at(".run").disabled = Boolean(running) && !running.slowly;
  at("#continue").disabled = Boolean(running) || !shown.head;
  at("#stop").disabled = !running;
}

// -- switches and buttons ---------------------------------------------------------------------------------------------
function toggle(button, name, act) {
  const turn = (on) => {
    button.setAttribute("aria-pressed", String(on));
    act();
  };
  const usual = button.getAttribute("aria-pressed") === "true";
  const asked = given?.seen ? (given.seen[name] ? "on" : "off") : field(name);
  if (asked !== undefined) turn(asked === "on");
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    turn(on);
    strivelm.put("generate", name, on === usual ? "" : on ? "on" : "off");
  });
}

toggle(at(".colours"), "colours", () => {
  coloured = at(".colours").getAttribute("aria-pressed") === "true";
  drawStrip();
  element.dataset.coloured = String(coloured);
  repaint();
});
toggle(at(".overlap-switch"), "underline", () => {
  lookUp();
  underline();
});

at(".copy").addEventListener("click", () =>
  strivelm.copy(shown.head.read + text()).then(
    () => strivelm.flash(at(".copy"), "Copied"),
    () => strivelm.flash(at(".copy"), "Press Ctrl+C"),
  ),
);
at(".run").addEventListener("click", () => write(ANEW));
at("#continue").addEventListener("click", () => write({ from: shown.chars.length }));
at("#stop").addEventListener("click", () => view.stop());

// No text of one model stands under the name of another.
function clear() {
  view.stop();
  Object.assign(shown, { head: null, runs: [], ended: "" });
  cut(0);
  writePrompt();
  draw(true);
}

function show(found) {
  if (found) take(found);
  if (found?.seen) pinned = found.seen.chosen;
  draw(true);
  if (shown.ended) rest();
}

// Outside the page nobody goes on with a text, unless the file has the model.
at(".how").hidden = at(".actions").hidden = !strivelm.canWrite();
const key = () => strivelm.surpriseKey(at(".legend"));
strivelm.redrawn(element, () => (key(), repaint()));
key();
show(given?.characters ? given : null);

// Without a text that comes by itself, a link that says what to write is written all the same.
const unusual = (name) => field(name) !== undefined && field(name) !== strivelm.chosen.usual.generate?.[name];
const view = strivelm.canWrite()
  ? strivelm.view({
      tab: "generate",
      element: at("section"),
      look,
      eager: strivelm.inPage() && (ARRIVES || ["text", "seed", ...KEPT].some(unusual)),
      renewed: ARRIVES,
      model: () => ARRIVES || clear(),
    })
  : null;
if (view) {
  strivelm.appeared(element, () => sectionInSight("write"));
  strivelm.onLife(element, () => {
    if (!strivelm.life()) film.key = "";
    if (!running) filmRests();
  });
}
