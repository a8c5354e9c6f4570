// Has the model write: anew, on, or from a character that the visitor forces; and says how it went.
const count = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
const LONGEST_TEXT = 2000; // limits.PROMPT_CHARACTERS
const ANEW = { from: 0 };
let next = ANEW; // what is written next: the place it begins at, and the character that is forced there
let running = null; // the writing that is on its way

// One line about the text: why it ended, how long it is, how fast it came, and the seed that brings it back.
function summary() {
  const run = shown.runs.at(-1);
  const many = shown.chars.length;
  const last = many - (run?.from ?? 0);
  if (!shown.head) return "Nothing written yet";
  if (writing()) return "Writing…";
  const reason =
    { complete: "Finished", time: `Time is up after ${Math.round(shown.seconds)} seconds` }[shown.ended] ?? "Stopped";
  const speed =
    shown.seconds > 0 && last
      ? `, ${run.from ? `the last ${last.toLocaleString("en")} at ` : ""}${Math.round(last / shown.seconds).toLocaleString("en")} a second`
      : "";
  return `${reason}: ${count(many, "character")}${speed}, seed ${run.seed}`;
}

// Who wrote it, and how surprised it was by it.
function by() {
  if (!shown.head) return "";
  const loss = shown.head.loss === null ? "" : `; on text it has not learnt from: ${shown.head.loss.toFixed(2)}`;
  const surprise = shown.chars.length
    ? `mean surprisal ${mean().toFixed(2)} nats per character, ${strivelm.oneIn(mean())}${loss}`
    : "";
  return [`Written by ${shown.head.model}`, surprise].filter(Boolean).join(" · ");
}

// -- writing ----------------------------------------------------------------------------------------------------------
function write(what) {
  next = what;
  view.again();
}

async function look({ signal, model, waits }) {
  const { from, char } = next;
  next = ANEW;
  const goesOn = from > 0 || char !== undefined;
  if (goesOn && shown.head.model !== model)
    throw new Error(
      `The text was written by ${shown.head.model}, and ${model} is open now; open that model again, or press Generate to let this one write.`,
    );
  const asked = { ...sampling(), prompt: goesOn ? shown.head.prompt : prompt(), count: field("count") };
  if (goesOn) {
    asked.text = shown.chars
      .slice(0, from)
      .map((one) => one.char)
      .join("");
    asked.seed ||= String(shown.runs.at(-1).seed);
  }
  if (char !== undefined) {
    asked.forced = [[from, char]];
    asked.count = Math.max(shown.chars.length, asked.count) - from; // what is forced early leaves the text as long
  }
  const mine = (running = {});
  let begun = false;
  strivelm.say("generate", "waiting", FULL);
  buttons();
  const part = (piece) => {
    if (begun) return grow(piece);
    begun = true;
    waits(false);
    begin(piece);
    following = !forcing;
    showSeed(piece.seed);
    strivelm.say("generate", "note", piece.notes.join("\n"));
    draw(true);
  };
  try {
    await strivelm.ask("generate.write", asked, { of: [model], signal, lane: "writing", part });
  } finally {
    if (running === mine) {
      running = null;
      forcing = false;
      if (begun) shown.ended ||= "stopped";
      else strivelm.say("generate");
      draw(false);
      if (begun) rest();
    }
  }
}

function grow({ characters, seconds, ended = "" }) {
  const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 40;
  append(characters);
  Object.assign(shown, { seconds, ended });
  draw(false);
  if (atEnd && following) page.scrollTop = page.scrollHeight;
  else if (forcing) shown.chars[pinned]?.span.scrollIntoView({ block: "nearest" });
}

// A text that has come to rest shows at once what there is to see: where the model was surprised the most.
function rest() {
  if (pinned < 0 && shown.chars.length) {
    const most = shown.chars.reduce((best, one, i) => (one.nats > shown.chars[best].nats ? i : best), 0);
    choose(most, { stay: true, title: true });
  } else choose(chosen, {});
  if (!strivelm.inPage()) return;
  // As much as a tab takes; what the model does not see of it at once, the tab says itself.
  strivelm.type("written", [...(shown.head.read + text())].slice(-LONGEST_TEXT).join(""));
  lookUp();
}

// `fresh`: whether it is another text than before, or another part of one.
function draw(fresh) {
  at(".empty").hidden = Boolean(shown.head);
  at(".status").textContent = summary();
  at(".by").textContent = writing() ? "" : by();
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
  at(".run").disabled = Boolean(running);
  at("#continue").disabled = Boolean(running) || !shown.head;
  at("#stop").disabled = !running;
}

// -- what stands in the training text ---------------------------------------------------------------------------------
const underlines = () => at(".overlap-switch").getAttribute("aria-pressed") === "true";
let lookedUp = null;

async function lookUp() {
  if (!underlines() || shown.overlap || !shown.ended || !strivelm.inPage()) return;
  const { head } = shown;
  lookedUp?.abort();
  lookedUp = new AbortController();
  const given = { read: head.read, text: text() };
  let found;
  try {
    found = await strivelm.ask("generate.overlap", given, { of: [head.model], signal: lookedUp.signal });
  } catch (error) {
    if (error.name === "AbortError") return;
    found = { spans: null, unseen: {}, source: "", note: error.message };
  }
  if (shown.head !== head) return;
  shown.overlap = found;
  underline();
}

// From how many characters on a run can count; a text known by its fingerprint alone knows of eight.
function lengths() {
  const select = at(".least select");
  const found = Object.keys(shown.overlap?.unseen ?? {});
  const kept = select.value;
  if (found.join() === [...select.options].map((one) => one.value).join()) return;
  select.replaceChildren(...found.map((least) => Object.assign(make("option", "", least), { value: least })));
  if (found.includes(kept)) select.value = kept;
}

function underline() {
  lengths();
  const on = underlines();
  const { overlap } = shown;
  const least = Number(at(".least select").value);
  const line = at(".spans");
  const { inside, longest, share } = overlap?.spans && on ? sharedFrom(least) : { inside: [], longest: 0, share: 0 };
  shown.chars.forEach((one, i) => one.span.classList.toggle("shared", Boolean(inside[i])));
  at(".least").hidden = !(on && overlap?.spans && at(".least select").length > 1);
  line.hidden = !(on && overlap);
  if (line.hidden) return;
  if (!overlap.spans) return void (line.textContent = overlap.note);
  const unseen = overlap.unseen?.[least];
  line.textContent =
    `${strivelm.percent(share)} of the text stands in ${overlap.source}, in runs of ${least} characters or more` +
    (unseen === undefined ? "" : `; of text that it has not learnt from ${strivelm.percent(unseen)} do, by chance`) +
    `. ${longest ? `The longest run has ${count(longest, "character")}.` : "There is none."} ${overlap.note}`;
}

// -- switches and buttons ---------------------------------------------------------------------------------------------
function toggle(button, name, act) {
  const turn = (on) => {
    button.setAttribute("aria-pressed", String(on));
    act();
  };
  const usual = button.getAttribute("aria-pressed") === "true";
  const asked = field(name);
  if (asked !== undefined) turn(asked === "on");
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    turn(on);
    strivelm.put("generate", name, on === usual ? "" : on ? "on" : "off");
  });
}

at(".least select").addEventListener("change", underline);
toggle(at(".colours"), "colours", () => {
  coloured = at(".colours").getAttribute("aria-pressed") === "true";
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

function show(given) {
  if (given) take(given);
  draw(true);
  if (shown.ended) rest();
}

// Outside the page nobody goes on with a text.
at(".how").hidden = at(".actions").hidden = !strivelm.inPage();
const key = () => strivelm.surpriseKey(at(".legend"));
strivelm.redrawn(element, () => (key(), repaint()));
key();
show(JSON.parse(props.value));

// A link that says what to write shows it.
const unusual = (name) => field(name) !== undefined && field(name) !== strivelm.chosen.usual.generate?.[name];
const view = strivelm.inPage()
  ? strivelm.view({
      tab: "generate",
      element: at("section"),
      look,
      eager: unusual("text") || unusual("seed"),
      renewed: false,
    })
  : null;
