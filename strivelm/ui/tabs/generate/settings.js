// What the views of the Generate tab share: what the visitor has set, as the questions take it.
const at = (name) => element.querySelector(name);
const make = (tag, className = "", text = "") =>
  Object.assign(document.createElement(tag), { className, textContent: text });

const field = (name) => strivelm.get("generate", name);
const prompt = () => field("text") ?? "";
const sampling = () => ({
  temperature: field("temperature"),
  top_k: field("top_k"),
  top_p: field("top_p"),
  seed: field("seed") ?? "",
});

// Who wrote a text: the model, and on which machine, where two could have.
const WRITERS = { browser: ", in the browser", server: ", on the server" };
const writtenBy = ({ model, writer }) => `${model}${WRITERS[writer] ?? ""}`;

// A word that explains itself where it stands.
const term = (word, name = word) => strivelm.term(word, name);

// How sure the model was: of a text in the number of letters among which a fair choice would be as unsure, of one
// character in a word.
const choosing = (nats) =>
  nats < 0.05 ? "almost certain of each letter" : `as unsure as choosing among ${Math.exp(nats).toFixed(1)} letters`;
const EXPECTED = [
  [0.1, "As good as certain"],
  [0.7, "Expected"],
  [1.6, "Likely"],
  [3, "One of several"],
  [4.6, "A surprise"],
];
const expectation = (nats) => EXPECTED.find(([most]) => nats < most)?.[1] ?? "A great surprise";

// A button that keeps the seed that was used, where it does not stand in the field already.
const SEED = {
  shown: new Map(), // button → seed
  follow() {
    for (const [button, seed] of SEED.shown)
      button.hidden = !strivelm.inPage() || seed == null || String(seed) === field("seed");
  },
};
function seedUsed(button, seed) {
  button.onclick = () => strivelm.type("seed", String(seed));
  SEED.shown.set(button, seed);
  SEED.follow();
}
// The field changes by typing, and a moment after a press.
if (strivelm.inPage())
  for (const kind of ["input", "click"]) document.addEventListener(kind, () => setTimeout(SEED.follow, 100));

// The settings beside the sections are those of the one that is in sight.
function sectionInSight(section) {
  const settings = document.querySelector(".settings");
  if (settings) settings.dataset.section = section;
}

const FULL = "Waiting for a free place: the machine writes for others just now.";

// A promise that is kept after so many milliseconds, and broken when the question is given up.
const pause = (milliseconds, signal) =>
  new Promise((kept, broken) => {
    const waiting = setTimeout(kept, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(waiting);
      broken(signal.reason);
    });
  });
