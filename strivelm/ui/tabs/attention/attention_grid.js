// All heads: a small map of each, and the pattern of those that have one; below, the means, and all layers together.

const NONE = [0, 0, 0, 0]; // where nothing is seen, the ground

// Where on the ramp the weights of a row lie, by the row, as bytes: their roots, as the maps have them, so that a weight
// of 0.01 is still seen; with the scale "row", beside the largest of the row. A row is good until the next is asked for.
function shadesOf(map, scale) {
  const codes = codesOf(map);
  const shades = new Uint8Array(length());
  return (q) => {
    const row = codes.subarray((q * (q + 1)) / 2, ((q + 1) * (q + 2)) / 2);
    if (scale !== "row") return row;
    let most = 1;
    for (let k = 0; k <= q; k++) if (row[k] > most) most = row[k];
    const stretch = 255 / most;
    for (let k = 0; k <= q; k++) shades[k] = stretch * row[k] + 0.5; // rounded, as an array of bytes cuts off
    return shades;
  };
}

// A map, a pixel a weight; above the diagonal it stays empty, and while rollout is not there yet all of it.
function paint(canvas, map, scale) {
  const rows = length();
  const what = codesOf(map) ? { bytes: shadesOf(map, scale) } : { shade: () => NaN };
  strivelm.heatImage({ rows, cols: rows, ramp: "sequential", nothing: NONE, triangle: true, ...what }, canvas);
}

let tiles = [];

function tile(map, caption) {
  const button = make("button", "tile");
  button.type = "button";
  button.dataset.map = map;
  const canvas = make("canvas");
  const words = make("span", "words");
  button.append(canvas, words);
  button.addEventListener("click", () => choose(map));
  return { button, canvas, words, map, caption };
}

function buildGrid() {
  const grid = at(".grid"),
    together = at(".together"),
    { layers, heads } = shown;
  grid.replaceChildren(
    make("span", "layer", "layer"),
    ...Array.from({ length: heads }, (_, head) => make("span", "head", `head ${head}`)),
  );
  grid.style.setProperty("--heads", heads);
  grid.classList.toggle("many", heads > 6);
  grid.classList.toggle("few", heads < 3);
  tiles = everyMap().map((map) => tile(map));
  for (let layer = 0; layer < layers; layer++) {
    grid.append(
      make("span", "layer", String(layer)),
      ...tiles.slice(layer * heads, (layer + 1) * heads).map((one) => one.button),
    );
  }
  together.replaceChildren(...tiles.slice(count()).map((one) => one.button));
}

function drawGrid() {
  for (const { canvas, map } of tiles) paint(canvas, map, state.scale);
  describeGrid();
}

// The patterns, which arrive after the maps.
function describeGrid() {
  for (const { button, words, map } of tiles) {
    const chosen = map === state.map;
    button.setAttribute("aria-pressed", String(chosen));
    button.tabIndex = chosen ? 0 : -1;
    if (isHead(map)) {
      const found = patternOf(map);
      const named = Boolean(found?.named);
      words.replaceChildren();
      if (named)
        words.append(
          make("b", "", found.word),
          make("span", "", found.score.toFixed(2)),
          make("small", "", `uniform ${found.chance.toFixed(2)}`),
        );
      button.classList.toggle("named", named);
      button.title = [titleOf(map), sentenceOf(map)].filter(Boolean).join(": ");
    } else {
      const layer = map - count();
      words.textContent =
        layer < shown.layers
          ? `mean, layer ${layer}`
          : layer === shown.layers
            ? "all layers"
            : "all layers, if all alike";
      button.title = titleOf(map);
    }
    button.setAttribute("aria-label", button.title);
  }
  at(".measured").replaceChildren(strivelm.explained(measuredSentence()));
  at(".notes").textContent = [...new Set([...(judged?.notes ?? []), ...(circuits?.notes ?? [])])].join(" ");
  // What does not depend on the text keeps its room while it is on its way.
  at(".circuits").style.visibility = circuits ? "" : "hidden";
  if (circuits) at(".circuits").replaceChildren(strivelm.explained(inductionSentence()));
}

// How many heads have no name, and when a head gets one.
function measuredSentence() {
  if (!judged?.heads) return "";
  const without = everyMap().filter((map) => isHead(map) && !patternOf(map).named).length;
  const others = `In the other ${without === 1 ? "head" : `${without} heads`} no pattern stands out. `;
  const none = without === count() ? "In no head does a pattern stand out. " : without ? others : "";
  return `${none}The first number is the share of its attention that a head gives to its pattern on this text; [uniform](term:uniform) is the share if it read all characters alike. A head gets a name when it is at least halfway from there to 1.`;
}

// Induction is measured on random characters, which can be predicted only from their repetition.
function inductionSentence() {
  if (circuits.uniform == null) return "";
  const heads = circuits.named.map(
    ([layer, head]) => `${layer}.${head} (${circuits.induction[layer * shown.heads + head].toFixed(2)})`,
  );
  const tried = `[Induction](term:induction), tried on ${circuits.distinct} random characters written twice:`;
  const alike = `reading all alike gives ${circuits.uniform.toFixed(2)}`;
  if (heads.length)
    return `${tried} ${heads.length === 1 ? "head" : "heads"} ${heads.join(", ")} read what came after the same character before; ${alike}.`;
  const best = circuits.induction.indexOf(Math.max(...circuits.induction));
  return `${tried} no head of this model does it. The best, ${nameOf(best)}, gives ${circuits.induction[best].toFixed(2)} of its attention to what came after the same character before; ${alike}.`;
}

function walkGrid(event) {
  const here = Number(event.target.closest(".tile")?.dataset.map);
  const { heads, layers } = shown;
  if (Number.isNaN(here)) return;
  const width = isHead(here) ? heads : layers + 2,
    from = isHead(here) ? 0 : count(),
    until = isHead(here) ? count() : tiles.length;
  const column = (here - from) % width;
  const step = {
    ArrowLeft: column > 0 ? -1 : 0,
    ArrowRight: column < width - 1 ? 1 : 0,
    ArrowUp: -width,
    ArrowDown: width,
  }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  let next = here + step;
  if (next >= until && isHead(here) && event.key === "ArrowDown") next = count() + Math.min(column, layers + 1);
  if (next < from) next = isHead(here) ? here : count() - heads + Math.min(column, heads - 1);
  else if (next >= until && !(isHead(here) && next >= count())) next = here;
  choose(Math.min(next, tiles.length - 1));
  tiles[state.map].button.focus();
}

// The grid as one picture, at twice the screen's resolution.
function gridPicture() {
  const { heads, layers } = shown,
    side = 120,
    gap = 12,
    words = 34,
    left = 56,
    top = 56;
  const columns = Math.max(heads, Math.min(layers + 2, heads)),
    below = Math.ceil((layers + 2) / columns);
  const width = left + columns * (side + gap),
    height = top + (layers + below) * (side + words + gap);
  const canvas = make("canvas"),
    context = strivelm.context(canvas, width, height, 2);
  context.fillStyle = strivelm.css("--body-background-fill");
  context.fillRect(0, 0, width, height);
  const write = (text, x, y, font = 12, colour = "--body-text-color") => {
    context.font = `${font}px ${strivelm.css("--font") || "sans-serif"}`;
    context.fillStyle = strivelm.css(colour);
    context.fillText(text, x, y, width - x);
  };
  write(`${shown.model}: attention on ${JSON.stringify(shown.text.slice(0, 60))}`, 12, 24, 14);
  write(
    state.scale === "row" ? "Colour: √(weight / largest of its row)" : "Colour: √weight, from 0 to 1",
    12,
    42,
    12,
    "--body-text-color-subdued",
  );
  context.imageSmoothingQuality = "high";
  tiles.forEach(({ map, canvas: small }) => {
    const row = isHead(map) ? layerOf(map) : layers + Math.floor((map - count()) / columns),
      column = isHead(map) ? map % heads : (map - count()) % columns;
    const x = left + column * (side + gap),
      y = top + row * (side + words + gap);
    if (isHead(map) && column === 0) write(`layer ${row}`, 8, y + side / 2, 12, "--body-text-color-subdued");
    context.drawImage(small, x, y, side, side);
    context.strokeStyle = strivelm.css("--border-color-primary");
    context.strokeRect(x, y, side, side);
    if (isHead(map)) {
      const found = patternOf(map);
      if (!found?.named) return;
      write(found.word, x, y + side + 14, 12);
      write(numbered(found), x, y + side + 28, 12, "--body-text-color-subdued");
    } else write(tiles[map].words.textContent, x, y + side + 14, 12);
  });
  return canvas;
}
