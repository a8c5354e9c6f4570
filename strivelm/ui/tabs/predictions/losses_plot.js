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

// Draws lines [{ name, values, heavy }] on a canvas; `uniform` is a dashed line, `pointed` a place in the text.
function plot(canvas, width, height, lines, uniform, pointed) {
  const drawn = strivelm.context(canvas, width, height);
  const [left, right, top, bottom] = [30, 108, 8, 22];
  const many = Math.max(2, lines[0]?.values.length ?? 2);
  const x = (i) => left + ((width - left - right) * i) / (many - 1);
  const y = (nats) => top + (height - top - bottom) * (1 - Math.min(MOST, nats) / MOST);
  const ink = css("--body-text-color-subdued"),
    rule = css("--border-color-primary");
  drawn.font = `12px ${getComputedStyle(element).fontFamily}`;
  drawn.textBaseline = "middle";
  for (let nats = 0; nats <= MOST; nats += 2) {
    drawn.fillStyle = rule;
    drawn.fillRect(left, Math.round(y(nats)), width - left - right, 1);
    drawn.fillStyle = ink;
    drawn.textAlign = "right";
    drawn.fillText(String(nats), left - 8, y(nats));
  }
  drawn.textAlign = "center";
  drawn.fillText("first character", left + 40, height - 8);
  drawn.fillText("last", width - right, height - 8);
  drawn.strokeStyle = ink;
  drawn.setLineDash([4, 4]);
  drawn.strokeRect(left, y(uniform), width - left - right, 0);
  drawn.setLineDash([]);
  const labels = [{ name: `uniform ${uniform.toFixed(2)}`, at: y(uniform), colour: ink }];
  for (const { name, values, heavy } of lines) {
    drawn.strokeStyle = lineOf(name);
    drawn.lineWidth = heavy ? 2.5 : 1.25;
    drawn.beginPath();
    let on = false;
    values.forEach((nats, i) => {
      if (!Number.isFinite(nats)) return void (on = false);
      drawn[on ? "lineTo" : "moveTo"](x(i), y(nats));
      on = true;
    });
    drawn.stroke();
    const last = values.at(-1);
    if (Number.isFinite(last))
      labels.push({ name: `${name} ${last.toFixed(2)}`, at: y(last), colour: lineOf(name), heavy });
  }
  drawn.fillStyle = ink;
  drawn.fillRect(Math.round(x(pointed)), top, 1, height - top - bottom);
  // Labels that would cover each other are moved apart, from the top down.
  labels.sort((a, b) => a.at - b.at);
  labels.forEach((label, i) => (label.at = Math.max(label.at, i ? labels[i - 1].at + 14 : 6)));
  const over = labels.at(-1).at - (height - bottom);
  drawn.textAlign = "left";
  for (const { name, at: where, colour, heavy } of labels) {
    drawn.fillStyle = colour;
    drawn.font = `${heavy ? 700 : 400} 12px ${getComputedStyle(element).fontFamily}`;
    drawn.fillText(name, width - right + 6, where - Math.max(0, over));
  }
}
