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

// Shows the seed that was drawn, which brings the text back.
function showSeed(seed) {
  if (String(seed) !== field("seed")) strivelm.type("seed", String(seed));
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
