// A head's scores over the training, beside the scores: asked once for all steps, where the model has a life.
const SOON = 60; // ms that are waited for what does not depend on the text, before a step is drawn without it
let overTime = null; // { text, of, scores, jumps, uniform }: the answer, and what it is about

// Asks, and draws when it is there; the same answer serves every step.
function followTraining() {
  const of = strivelm.life();
  if (!of?.curves || !shown || !element.clientWidth) return;
  const { text } = shown;
  strivelm.overTraining("attention.training", { text }).then(
    (found) => {
      if (!found || shown?.text !== text || strivelm.life() !== of || overTime?.found === found) return;
      overTime = { text, of, found };
      showScores(state.map);
    },
    () => {}, // the scores stand there without their curves
  );
}

// The curves of a head: cell(score, title) is the cell of a row, strokes(rows) a sentence on what came at one stroke.
function curvesOf(map) {
  if (!overTime || overTime.text !== shown.text || overTime.of !== strivelm.life() || !isHead(map)) return null;
  const { scores, jumps, uniform } = overTime.found;
  const steps = overTime.of.stops.map(([, step]) => step);
  const at = strivelm.stopNow();
  const cell = (name, title) => {
    const made = make("td", "curve");
    const values = scores[name]?.[map];
    if (values)
      made.append(strivelm.spark({ steps, values, at, jump: jumps[name][map], level: uniform[name], name: title }));
    return made;
  };
  const strokes = (rows) =>
    strivelm.strokes(
      rows.map(([title, , , name]) => ({ name: title, steps, jump: jumps[name]?.[map] ?? null })),
      "0.2 (of a distance: 2 characters)",
    );
  return { cell, strokes };
}
