// What the views of two models share: how both are named, how a view asks of both, and what is said if that can't be.
//
// In a template `.both-models` names both with their colours, `.name-first` and `.name-second` one of them; `.notes` is for
// sentences on what can't be compared, `.sorry` for why nothing can. What else there is to see stands in `.compared`.

// A model's name with its colour before it; second: whether it is the one beside.
function modelNamed(name, second) {
  const made = strivelm.make("span", "model");
  const swatch = strivelm.make("i", "strivelm-swatch");
  swatch.dataset.first = String(!second);
  made.append(swatch, strivelm.make("b", "", name));
  return made;
}

function nameModels([first, second], notes = []) {
  for (const pair of element.querySelectorAll(".both-models"))
    pair.replaceChildren(modelNamed(first, false), " beside ", modelNamed(second, true));
  for (const one of element.querySelectorAll(".name-first")) one.replaceChildren(modelNamed(first, false));
  for (const one of element.querySelectorAll(".name-second")) one.replaceChildren(modelNamed(second, true));
  const line = element.querySelector(".notes");
  if (line) line.textContent = notes.join(" ");
}

// Asks of both models whenever one of them, or the text, is another; show(answer) draws it. The answer to no question is
// drawn: show(null). What both can't answer is a sentence in the view, and the rest of the page goes on.
function askOfBoth(tab, question, show, given = ({ text }) => ({ text })) {
  const sorry = (text, names) => {
    element.querySelector(".sorry").textContent = text;
    element.querySelector(".compared").hidden = Boolean(text);
    if (!text) return;
    const whole = element.querySelector(".two");
    whole.hidden = false;
    whole.dataset.state = "shown";
    nameModels(names);
    paintPair();
  };
  return strivelm.view({
    tab,
    element,
    beside: true,
    look: async (look) => {
      const { signal, model, beside } = look;
      try {
        show(await strivelm.ask(question, await given(look), { of: [model, beside], signal }), look);
        sorry("");
      } catch (error) {
        if (error.name === "AbortError") throw error;
        sorry(error.message, [model, beside]);
      }
    },
  });
}

// The ground of a character by how much more one model expected it: towards the colour of the one that did.
const LEAD = 4; // nats at which the colour ends
const leadGround = (nats) =>
  Number.isFinite(nats) ? strivelm.colour("diverging", 0.5 * Math.max(-1, Math.min(1, nats / LEAD))) : "transparent";

// A number with its sign, and a true minus; without one where it is 0.
const withSign = (x, digits = 2) =>
  !Number.isFinite(x)
    ? "–"
    : `${Number(x.toFixed(digits)) === 0 ? "" : x < 0 ? "−" : "+"}${Math.abs(x).toFixed(digits)}`;
const paintPair = () => strivelm.paintModels(element);
