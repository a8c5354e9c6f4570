const HIGHEST = 6; // nats: where all scales of surprisal end, unless uniform guessing is worse
let shown = null; // the view's value

const binName = (k) =>
  shown.least[k] === shown.most[k] ? String(shown.most[k]) : `${shown.least[k]}–${shown.most[k]}`;

function show(value) {
  shown = value;
  at(".measured").hidden = !shown;
  if (!shown) return;
  const { loss, windows, windows_in_all: all, enough, bin_mean: means, bin_error: errors } = shown;
  const known = errors.every((error) => error !== null);
  at(".found").textContent =
    `${shown.model}: mean ${loss.toFixed(3)} nats over ${windows.toLocaleString("en")} of ${all.toLocaleString("en")} windows of ${shown.most.at(-1)} characters. ` +
    (known
      ? `Beyond ${enough} character${enough === 1 ? "" : "s"} in view, more are not seen to help here (within two standard errors).`
      : "One window has no standard error.");
  at(".said").textContent = shown.said;
  at("canvas").setAttribute(
    "aria-label",
    means.map((mean, k) => `${binName(k)} in view: ${mean.toFixed(2)} nats`).join("; "),
  );
  element.dataset.windows = String(windows);
  paint();
}

function paint(canvas = at("canvas"), scale = undefined) {
  const width = Math.min(760, at(".plot").clientWidth),
    height = 230;
  if (!shown || !width) return;
  const drawn = strivelm.context(canvas, width, height, scale),
    highest = Math.max(HIGHEST, Math.ceil(shown.uniform));
  const [left, right, top, bottom] = [44, 14, 12, 46],
    many = shown.bin_mean.length;
  const x = (k) => left + ((k + 0.5) * (width - left - right)) / many;
  const y = (nats) => top + (height - top - bottom) * (1 - nats / highest);
  const ink = css("--body-text-color-subdued"),
    accent = css("--color-accent");
  if (scale) {
    drawn.fillStyle = css("--background-fill-primary");
    drawn.fillRect(0, 0, width, height);
  }
  drawn.font = `12px ${getComputedStyle(element).fontFamily}`;
  drawn.textBaseline = "middle";
  for (let nats = 0; nats <= highest; nats += 2) {
    drawn.fillStyle = css("--border-color-primary");
    drawn.fillRect(left, Math.round(y(nats)), width - left - right, 1);
    drawn.fillStyle = ink;
    drawn.textAlign = "right";
    drawn.fillText(`${nats}`, left - 8, y(nats));
  }
  drawn.textAlign = "left";
  drawn.fillText("nats", 4, y(highest) + 14);
  drawn.strokeStyle = ink;
  drawn.setLineDash([4, 4]);
  drawn.strokeRect(left, y(shown.uniform), width - left - right, 0);
  drawn.setLineDash([]);
  drawn.textAlign = "right";
  drawn.fillText(`uniform guessing ${shown.uniform.toFixed(2)}`, width - right, y(shown.uniform) - 9);
  drawn.textAlign = "center";
  drawn.strokeStyle = drawn.fillStyle = accent;
  drawn.lineWidth = 2;
  drawn.beginPath();
  shown.bin_mean.forEach((mean, k) => drawn[k ? "lineTo" : "moveTo"](x(k), y(mean)));
  drawn.stroke();
  shown.bin_mean.forEach((mean, k) => {
    const error = shown.bin_error[k] ?? 0;
    drawn.fillStyle = accent;
    drawn.fillRect(x(k) - 1, y(mean + error), 2, Math.max(1, y(mean - error) - y(mean + error)));
    drawn.beginPath();
    drawn.arc(x(k), y(mean), 4, 0, 7);
    drawn.fill();
    drawn.fillText(mean.toFixed(2), x(k), y(mean + error) - 9);
    drawn.fillStyle = ink;
    drawn.fillText(binName(k), x(k), height - bottom + 13);
  });
  drawn.fillText("characters in view", left + (width - left - right) / 2, height - 10);
}

function picture() {
  const canvas = document.createElement("canvas");
  paint(canvas, 2);
  return canvas;
}

function rows() {
  return [
    ["least_in_view", "most_in_view", "mean_nats", "standard_error"],
    ...shown.bin_mean.map((mean, k) => [shown.least[k], shown.most[k], mean, shown.bin_error[k] ?? ""]),
  ];
}

toolbar("loss-by-position", "losses_position", { png: picture, csv: rows });
strivelm.redrawn(element, paint);
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
