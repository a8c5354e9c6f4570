// The life of the open model: the steps of its training that can be opened. The timeline knows it and says it here; views
// that show how a number came to be ask about all steps in one question.
import { askServer } from "./ask.js";
import { chosen } from "./address.js";

const lives = { now: null, go: () => {} };
const hearers = new Set();

// What the timeline says: { of, stops: [[reference, step, loss], …], curves, stopOf }, or null; and how to go to a stop
// by its reference. `curves` is whether views ask about all steps; stopOf(model) which stop a model stands on.
function lived(now, go = lives.go) {
  Object.assign(lives, { now, go });
  for (const hearer of hearers) {
    if (!hearer.element.isConnected) hearers.delete(hearer);
    else hearer.act(now);
  }
}

// Calls act(life) at once, and whenever another life is open, or none.
function onLife(element, act) {
  hearers.add({ element, act });
  act(lives.now);
}

const life = () => lives.now;
const goTo = (ref) => lives.go(ref);

// Which of the life's stops is open; −1 where none is.
const stopNow = () =>
  chosen.model.split("@")[0] === lives.now?.of.split("@")[0] ? lives.now.stopOf(chosen.model) : -1;

// The answer to a question about all steps, the same for all of them; null where there is no life, or curves are off.
const answers = new Map(); // name → { key, answer }, the last of each
function overTraining(name, given = {}) {
  if (!lives.now?.curves) return Promise.resolve(null);
  const of = lives.now.stops.map(([ref]) => ref);
  const key = JSON.stringify([of, given]);
  const kept = answers.get(name);
  if (kept?.key === key) return kept.answer;
  const answer = askServer(name, given, { of });
  answers.set(name, { key, answer });
  answer.catch(() => answers.get(name)?.key === key && answers.delete(name));
  return answer;
}

export { lived, onLife, life, goTo, stopNow, overTraining };
