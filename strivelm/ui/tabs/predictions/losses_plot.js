// The running means of the model and of the tables, as lines over the text.
const MOST = 6; // nats: where all scales of surprisal end

// The running mean of losses from the second character on; what a table does not predict is left out.
function running(losses) {
  let sum = 0,
    count = 0;
  return Array.from(losses, (nats) => {
    if (Number.isFinite(nats)) ((sum += nats), count++);
    return count ? sum / count : NaN;
  });
}

const lineOf = (name) => (name === "this model" ? css("--color-accent") : strivelm.category(LINES.indexOf(name)));
const LINES = ["bigram", "5-gram"]; // the tables that are drawn

// The chart of lines [{ name, values, heavy }] by character, beside uniform guessing.
function described(lines, uniform) {
  const within = (nats) => Math.min(MOST, nats);
  const series = lines.map(({ name, values, heavy }) => ({
    name: `${name} ${fixed(values.at(-1))}`,
    values: values.map(within),
    colour: lineOf(name),
    heavy,
  }));
  const last = lines[0].values.length - 1;
  return {
    series,
    levels: [{ name: `uniform ${fixed(uniform)}`, value: within(uniform) }],
    ends: true,
    low: 0,
    high: MOST,
    ticks: [0, 2, 4, 6],
    x: "character",
    y: "Mean surprisal in nats",
    places: new Set([0, last]),
    place: (i) => (i === last ? "last" : "first"),
    height: 204,
  };
}
