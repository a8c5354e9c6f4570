// Asks for texts side by side: under several settings, with and without what is switched off, or of two models.
const own = (name) => ["temperature", "top_k", "top_p"].map((one) => field(`${name}_${one}`));
const SECTIONS = {
  compare: {
    question: "generate.compare",
    label: "Compare",
    hint: "Press Compare: the texts appear here.",
    given: () => ({ chosen: field("compare") ?? [], a: own("a"), b: own("b") }),
  },
  heads: {
    question: "generate.without",
    label: "Write both",
    hint: "Press Write both: the two texts appear here.",
    given: async (signal, model, walked) => {
      const off = await strivelm.switchedOff(model, signal, walked);
      return { ...sampling(), off };
    },
  },
};
SECTIONS.both = {
  question: "generate.beside",
  label: "Write with both",
  hint: "Press Write with both: the two texts appear here.",
  given: async () => sampling(),
  beside: true,
};
const QUIET = 300; // milliseconds without a change after which the settings are at rest
const value = JSON.parse(props.value);
const { section } = value; // which one it is; nothing in a file
const { question, label = "", hint = "", given, beside: ofTwo = false } = SECTIONS[section] ?? {};
let running = null;

function buttons() {
  at(".run").disabled = Boolean(running);
  at(".stop").disabled = !running;
}

// The seed stays while columns or switches are changed, so that only these differ. A press on the button, and another
// prompt, draw another one. The first texts have the random numbers of the text that Write shows.
let anew = false;
let prompted = null;
let answered = ""; // what was asked for what is shown
function seedNow(walked) {
  if (field("seed") !== undefined) return field("seed");
  if (walked) return field(`${section}_drawn`) ?? "";
  if (anew || (prompted !== null && prompted !== prompt())) return "";
  return String(shown.seed ?? field(`${section}_drawn`) ?? field("drawn") ?? "");
}

async function look({ signal, model, beside, walked, stepped, waits }) {
  const of = ofTwo ? [model, beside] : [model];
  const mine = (running = {});
  let begun = false;
  let asked = {};
  buttons();
  const late = []; // what came of another step of a training, whose texts take the place of those before at once
  const part = (piece) => (stepped ? late.push(piece) : hear(piece));
  const hear = (piece) => {
    if (begun) return grow(piece);
    begun = true;
    waits(false);
    begin(piece);
    shown.of = String(of);
    answered = JSON.stringify([of, { ...asked, seed: String(piece.seed) }]);
    strivelm.put("generate", `${section}_drawn`, String(piece.seed) === field("seed") ? "" : piece.seed);
    strivelm.say(section, "note", piece.notes.join("\n"));
  };
  try {
    if (!anew && !stepped && shown.of === String(of)) await pause(QUIET, signal);
    strivelm.say(section, "waiting", FULL);
    const settings = await given(signal, model, walked);
    asked = { prompt: prompt(), ...settings, count: Math.min(field("count"), value.most), seed: seedNow(walked) };
    if (walked && shown.ended && JSON.stringify([of, { ...asked, seed: String(asked.seed) }]) === answered) return;
    [anew, prompted] = [false, asked.prompt];
    await strivelm.ask(question, asked, { of, signal, lane: "writing", part });
    late.forEach(hear);
  } finally {
    if (running === mine) {
      running = null;
      buttons();
      if (!begun) strivelm.say(section);
      else if (!shown.ended) stopped();
      if (begun) partingInSight();
    }
  }
}

function stopped() {
  if (!shown.columns.length) return; // another model was opened, and nobody looks
  shown.ended = "stopped";
  describe();
}

// Where the texts part is scrolled into sight, in every column.
function partingInSight() {
  const place = shown.partings?.[0]?.at;
  if (place === undefined) return;
  for (const [i, column] of [...box.children].entries()) {
    const text = column.querySelector(".text");
    const [around, mark] = [text.getBoundingClientRect(), cell(i, place)?.getBoundingClientRect()];
    if (mark && (mark.top < around.top || mark.bottom > around.bottom))
      text.scrollTop += mark.top - around.top - text.clientHeight / 3;
  }
}

function show(found) {
  if (found) {
    begin(found);
    grow({ ...found, columns: found.columns });
    if (found.seen !== undefined) go(found.seen, true);
  } else {
    shown = { columns: [] };
    box.replaceChildren();
    describe();
  }
}

for (const [name, button] of [
  ["run", at(".run")],
  ["stop", at(".stop")],
])
  button.id = `${name}-${section}`;
at(".message-box").id = `${section}-message`;
at(".run").textContent = label;
at(".actions").hidden = !section;
strivelm.redrawn(box, repaint);
show(section ? null : value);

if (section) {
  const view = strivelm.view({
    tab: section,
    element: at("section"),
    look,
    beside: ofTwo,
    model: () => {
      view.stop();
      if (!element.clientWidth) show(null);
    },
  });
  at(".run").addEventListener("click", () => {
    anew = true;
    view.again();
  });
  if (!ofTwo) strivelm.appeared(element, () => sectionInSight(section));
  at(".stop").addEventListener("click", () => view.stop());
}
