// Asks for texts side by side: under several settings, or with and without what is switched off.
const own = (name) => ["temperature", "top_k", "top_p"].map((one) => field(`${name}_${one}`));
const SECTIONS = {
  compare: {
    question: "generate.compare",
    label: "Compare",
    hint: "Press Compare: the texts appear here.",
    given: () => ({
      prompt: prompt(),
      count: field("count"),
      seed: field("seed") ?? "",
      chosen: field("compare"),
      a: own("a"),
      b: own("b"),
    }),
  },
  heads: {
    question: "generate.without",
    label: "Write both",
    hint: "Press Write both: the two texts appear here.",
    given: async (signal, model) => {
      const off = await strivelm.switchedOff(model, signal);
      return { prompt: prompt(), count: field("count"), ...sampling(), off };
    },
  },
};
const value = JSON.parse(props.value);
const { section } = value; // which one it is; nothing in a file
const { question, label = "", hint = "", given } = SECTIONS[section] ?? {};
let running = null;

function buttons() {
  at(".run").disabled = Boolean(running);
  at(".stop").disabled = !running;
}

async function look({ signal, model, waits }) {
  const mine = (running = {});
  let begun = false;
  buttons();
  strivelm.say(section, "waiting", FULL);
  const part = (piece) => {
    if (begun) return grow(piece);
    begun = true;
    waits(false);
    begin(piece);
    showSeed(piece.seed);
    strivelm.say(section, "note", piece.notes.join("\n"));
  };
  try {
    await strivelm.ask(question, await given(signal, model), { of: [model], signal, lane: "writing", part });
  } finally {
    if (running === mine) {
      running = null;
      buttons();
      if (!begun) strivelm.say(section);
      else if (!shown.ended) stopped();
    }
  }
}

function stopped() {
  if (!shown.columns.length) return; // another model was opened, and nobody looks
  shown.ended = "stopped";
  describe();
}

function show(found) {
  if (found) {
    begin(found);
    grow({ ...found, columns: found.columns });
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
    model: () => {
      view.stop();
      if (!element.clientWidth) show(null);
    },
  });
  at(".run").addEventListener("click", () => view.again());
  at(".stop").addEventListener("click", () => view.stop());
}
