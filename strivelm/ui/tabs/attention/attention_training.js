// A head's scores over the training: asked once for all steps, where the model has a life. That of its own pattern stands
// beside what it does, all of them under the map.
const SOON = 60; // ms that are waited for what does not depend on the text, before a step is drawn without it
const AHEAD = 50; // ms after a step was drawn, before its neighbours are asked for
const KEPT = 12; // steps whose answers are kept
let overTime = null; // { text, of, found }: the answer, and the text and the life that it is about

// Asks, and draws when it is there; the same answer serves every step.
function followTraining() {
  const of = strivelm.life();
  if (!of?.curves || !shown || !element.clientWidth) return drawTraining();
  const { text } = shown;
  strivelm.overTraining("attention.training", { text }).then(
    (found) => {
      if (!found || shown?.text !== text || strivelm.life() !== of || overTime?.found === found) return;
      overTime = { text, of, found };
      drawTraining();
    },
    () => {}, // the scores stand there without their curves
  );
}

const NAMES = { self: "itself" };

function drawTraining() {
  at(".course").hidden = true;
  at(".own").replaceChildren();
  at(".title").classList.toggle("followed", Boolean(strivelm.life()?.curves));
  if (!shown || overTime?.text !== shown.text || overTime.of !== strivelm.life() || !isHead(state.map)) return;
  const { scores, jumps, uniform } = overTime.found;
  const steps = overTime.of.stops.map(([, step]) => step);
  const here = strivelm.stopNow();
  const measured = MEASURED.filter(([name]) => scores[name]?.[state.map].some((value) => value !== null));
  if (!measured.length) return;
  const curve = ([name, title]) => {
    const [values, jump] = [scores[name][state.map], jumps[name][state.map]];
    return strivelm.spark({ steps, values, at: here, jump, level: uniform[name], low: 0, name: title });
  };
  const word = patternOf(state.map)?.word;
  const own = measured.find(([, title]) => title === (NAMES[word] ?? word));
  if (own) at(".own").append(curve(own), ` ${own[1]}, in training`);
  at(".course").hidden = false;
  at(".course ul").replaceChildren(
    ...measured.map((one) => {
      const row = make("li");
      row.append(curve(one), one[1]);
      return row;
    }),
  );
  const sudden = measured.map(([name, title]) => ({ name: title, steps, jump: jumps[name][state.map] }));
  at(".strokes").textContent = strivelm.strokes(sudden, "0.2 (of a distance: 2 characters)");
}

// -- what the steps answer, those beside the open one in advance ---------------------------------------------------------
const steps = { text: null, answers: new Map() };

// Of a step and a text { found, circuits }, promises: asked once, and kept for a while.
function answersAt(model, text) {
  if (steps.text !== text) Object.assign(steps, { text, answers: new Map() });
  const { answers } = steps;
  const known = answers.get(model);
  answers.delete(model); // the one that was looked at longest ago goes first
  const ask = (name, given = {}) => strivelm.ask(`attention.${name}`, given, { of: [model] });
  const asked = known ?? { found: ask("whole", { text }), circuits: ask("circuits").catch(() => null) };
  answers.set(model, asked);
  if (!known) asked.found.catch(() => answers.get(model) === asked && answers.delete(model));
  if (answers.size > KEPT) answers.delete(answers.keys().next().value);
  return asked;
}

// Where all steps may be opened, the neighbours of the one that is shown are asked for while nothing else happens.
function askAhead(text) {
  const life = strivelm.life();
  const here = strivelm.stopNow();
  if (!life?.curves || here < 0 || !element.clientWidth) return;
  for (const i of [here - 1, here + 1]) if (life.stops[i]) answersAt(life.stops[i][0], text);
}
