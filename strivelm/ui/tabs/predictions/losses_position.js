const HIGHEST = 6; // nats: where all scales of surprisal end, unless uniform guessing is worse
let shown = null; // the view's value

const binName = (k) =>
  shown.least[k] === shown.most[k] ? String(shown.most[k]) : `${shown.least[k]}–${shown.most[k]}`;

function show(value) {
  shown = value;
  at(".measured").hidden = !shown;
  if (!shown) return;
  const { loss, windows, windows_in_all: all, enough, bin_error: errors } = shown;
  const known = errors.every((error) => error !== null);
  at(".found").textContent =
    `${shown.model}: mean ${loss.toFixed(3)} nats over ${windows.toLocaleString("en")} of ${all.toLocaleString("en")} windows of ${shown.most.at(-1)} characters. ` +
    (known
      ? `Beyond ${enough} character${enough === 1 ? "" : "s"} in view, more are not seen to help here (within two standard errors).`
      : "One window has no standard error.");
  at(".said").textContent = shown.said;
  element.dataset.windows = String(windows);
  chart.draw();
}

const chart = strivelm.lineChart(at(".plot"), () => shown && described());

// All places, or on a narrow screen every second one, the last among them.
function namedPlaces(many) {
  const apart = many * 56 > at(".plot").clientWidth ? 2 : 1;
  return Array.from({ length: many }, (_, k) => k).filter((k) => (many - 1 - k) % apart === 0);
}

function described() {
  const { bin_mean: values, bin_error: errors, uniform } = shown;
  const nats = (k) => `${values[k].toFixed(2)}${errors[k] === null ? "" : ` ± ${errors[k].toFixed(3)}`} nats`;
  const numbers = (mean) => mean.toFixed(2);
  return {
    series: [{ name: "this model", values, errors, dots: true, numbers, colour: css("--color-accent") }],
    levels: [{ name: `uniform guessing ${uniform.toFixed(2)}`, value: uniform }],
    low: 0,
    high: Math.max(HIGHEST, Math.ceil(uniform)),
    x: "characters in view",
    y: "Mean surprisal in nats",
    places: namedPlaces(values.length),
    place: binName,
    say: (k) => `${binName(k)} in view: ${nats(k)}`,
    centred: true,
    key: false,
    height: 230,
    width: 760,
  };
}

function rows() {
  return [
    ["least_in_view", "most_in_view", "mean_nats", "standard_error"],
    ...shown.bin_mean.map((mean, k) => [shown.least[k], shown.most[k], mean, shown.bin_error[k] ?? ""]),
  ];
}

toolbar("loss-by-position", "losses_position", { png: () => chart.picture(), csv: rows });
strivelm.redrawn(element, chart.draw);
show(JSON.parse(props.value));

// It takes a while, and so is measured when the visitor wants it; of another model again. It is of no text: the tab's
// button leaves it alone.
async function look({ signal, model }) {
  const measured = {};
  const part = (piece) => {
    Object.assign(measured, piece);
    if (measured.bin_mean) show(measured);
  };
  at(".waiting").textContent = "Measuring…";
  try {
    await strivelm.ask("predictions.loss_by_position", {}, { of: [model], part, signal });
    at(".waiting").textContent = "";
  } catch (error) {
    if (error.name !== "AbortError") at(".waiting").textContent = error.message;
    throw error;
  }
}

at(".measure").hidden = !inPage();
if (inPage()) {
  const { again } = strivelm.view({ tab: "loss-by-position", element, look, eager: false, model: () => show(null) });
  at(".measure").addEventListener("click", again);
}
