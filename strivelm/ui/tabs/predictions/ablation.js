let shown = null; // the view's value
let chars, before, after, kl, mark;
let map = null; // of all parts, { of: what it was measured for, and what the question gives }
let measuring = null; // the AbortController of a map that is being measured
let failed = ""; // what could not be measured
const AT_ONCE = 20_000; // up to so many parts times characters the map is measured without being asked for
const where = () => (strivelm.get(TAB, "where") === "long" ? "long" : "this");

const partsOff = () => [...shown.heads_off, ...shown.mlps_off.map((layer) => `${layer}.m`)];
const change = (i) => after[i] - before[i];
const count = (many, one) => `${many} ${one}${many === 1 ? "" : "s"}`;

function show(value) {
  shown = value;
  at(".view").hidden = !shown;
  if (!shown) return;
  chars = Array.from(shown.text);
  [before, after, kl] = [shown.before, shown.after, shown.kl].map(strivelm.f32);
  if (shown.map) map = { of: mapKey(), ...shown.map };
  // A map stays in sight while parts are switched, until another model, text or method is looked at.
  if (map && map.of !== mapKey()) map = null;
  if (measuring && measuring.of !== mapKey()) {
    measuring.abort();
    measuring = null;
  }
  mark = strip(at(".text"), chars, {
    name: "The text, coloured by how its losses change",
    label: (i) => `${strivelm.glyph(chars[i])} ${i ? `${signed(change(i))} nats` : "the first"}`,
    ground: (i) => (i ? groundOf(change(i)) : "transparent"),
    point: tell,
    choose: (i) => inPage() && choosePlace(i),
  });
  reveal(at(".text"), at(".text .chosen"));
  tell(null);
  paint();
  const work = shown.layers * (shown.heads + 1) * chars.length;
  if (inPage() && !map && !measuring && chars.length > 1 && work <= AT_ONCE && failed !== mapKey()) measure(where());
}

const mapKey = () => JSON.stringify([shown.model, shown.text, shown.method]);

function paint() {
  if (!shown) return;
  for (const cell of at(".text").querySelectorAll(".cell"))
    cell.style.backgroundColor = Number(cell.dataset.i) ? groundOf(change(Number(cell.dataset.i))) : "transparent";
  const off = partsOff();
  strivelm.partSwitches(at(".switches"), shown, {
    off: (part) => off.includes(part),
    of: numberOf,
    press: toggle,
    enabled: inPage(),
  });
  at(".ramp").replaceChildren(scaleOfChange());
  at(".scale").hidden = !map;
  at(".scale").replaceChildren(...(map ? [scaleOfChange("Change of the mean loss, nats")] : []));
  for (const button of element.querySelectorAll("[data-how]")) {
    button.setAttribute("aria-pressed", String(button.dataset.how === shown.method));
    button.disabled = !inPage();
  }
  for (const button of element.querySelectorAll(".map")) {
    button.setAttribute("aria-pressed", String(Boolean(map) && map.long === (button.dataset.where === "long")));
    button.disabled = !inPage() || measuring !== null || (button.dataset.where === "this" && chars.length < 2);
  }
  at(".on").hidden = !inPage() || !off.length;
  at(".method").textContent =
    shown.method === "zero"
      ? "A part that is off adds nothing, which later parts may never have met."
      : `A part that is off adds the same at each place: its mean over this text's ${count(chars.length, "character")}.`;
  if (!measuring)
    at(".mapped").textContent = map
      ? `The numbers: how much the mean loss grows without that part alone, over ${count(map.characters, "character")} in ${map.windows} of ${count(map.windows_in_all, "window")}; ` +
        `all parts on, ${fixed(map.loss, 3)} nats.${map.heads_error.flat().some((x) => x !== null) ? " Point at one for its standard error; in italics it may be chance." : ""} ${map.said}`
      : "";
  facts(off);
}

function facts(off) {
  const [full, less] = [shown.loss_before, shown.loss_after];
  at(".unsure").textContent =
    full === null
      ? "One character has no loss"
      : off.length
        ? `As unsure as a choice among ${amongHowMany(less)} characters, not ${amongHowMany(full)}`
        : `As unsure as a choice among ${amongHowMany(full)} characters`;
  at(".loss").textContent =
    full === null
      ? ""
      : off.length
        ? `${fixed(full)} → ${fixed(less)} nats (${signed(less - full)})`
        : `${fixed(full)} nats with all parts on`;
  at(".how").textContent = off.length
    ? `The mean loss of this text without ${off.map(partName).join(", ")}. Blind guessing among all ${shown.many_chars} characters: ${fixed(Math.log(shown.many_chars))} nats.`
    : "Nothing is off yet.";
  at(".next").textContent =
    `What comes after ${named(chars[shown.at])} (place ${shown.at})${off.length ? ", with all parts and without" : ""}`;
  const most = Math.max(...shown.next.flatMap(([, a, b]) => [a, b]));
  const scale = most > 0.5 ? 1 : most > 0.2 ? 0.5 : 0.2;
  strivelm.bars(
    at(".pairs"),
    shown.next
      .map(([char, before, after]) => [char, off.length ? [before, after] : [before]])
      .map(([char, both]) => ({
        name: strivelm.glyph(char),
        glyph: true,
        bars: both.map((p, k) => [0, p / scale, k ? "var(--color-accent)" : QUIET]),
        value: both.map((p) => make("span", "", strivelm.percent(p))),
      })),
  );
  element.dataset.loss = `${shown.loss_before} ${shown.loss_after}`;
  at(".spread").textContent = off.length
    ? `Grey: with all parts; teal: without. Bars end at ${100 * scale} %. The likeliest, and those whose probability changed most. The prediction moved by ${fixed(kl[shown.at], 3)} nats (KL divergence).`
    : `The likeliest. Bars end at ${100 * scale} %.`;
}

function tell(i) {
  mark(i, shown.at);
  at(".readout").textContent =
    i === null
      ? `Point at a character for its losses${inPage() ? "; click to look at what comes after it" : ""}.`
      : `${named(chars[i])}: ${i ? `${fixed(before[i])} → ${fixed(after[i])} nats (${signed(change(i))})` : "nothing predicts the first character"}; the prediction after it moved by ${fixed(kl[i], 3)} nats.`;
}

// What the switch of a part says, once the map is there.
function numberOf(part) {
  const found = measured(part);
  if (!found) return null;
  const [change, error] = found;
  return {
    text: signed(change, 3),
    ground: groundOf(change),
    title: `without it alone the loss changes by ${signed(change, 3)} nats${error === null ? "" : ` ± ${error.toFixed(3)} (standard error)`}`,
    quiet: error !== null && Math.abs(change) < 2 * error, // within two standard errors of nothing
  };
}

function measured(part) {
  if (!map) return null;
  const [layer, head] = part.split(".");
  return head === "m"
    ? [map.mlps[layer], map.mlps_error[layer]]
    : [map.heads[layer][head], map.heads_error[layer][head]];
}

function toggle(part) {
  const off = new Set((strivelm.get(TAB, "off") ?? "").split(",").filter(Boolean));
  const on = off.delete(part);
  if (!on) off.add(part);
  at(`[data-part="${part}"]`).setAttribute("aria-pressed", String(!on)); // at once, before the answer is there
  choose({ off: [...off].join(",") });
}

at(".on").addEventListener("click", () => choose({ off: "" }));
for (const button of element.querySelectorAll("[data-how]"))
  button.addEventListener("click", () => choose({ how: button.dataset.how === "zero" ? "" : button.dataset.how }));

// Measures the map of all parts, on this text or a longer one; what is there already is shown as it comes.
async function measure(where) {
  const running = (measuring = new AbortController());
  const given = { how: shown.method, ...(where === "this" ? { text: shown.text } : {}) };
  const measured = { of: mapKey() };
  running.of = measured.of;
  strivelm.put(TAB, "where", where, "this");
  at(".mapped").textContent = "Measuring: each part off by itself…";
  paint();
  let wrong = "";
  try {
    const part = (piece) => {
      Object.assign(measured, piece);
      if (measured.heads && measuring === running) paint((map = measured));
    };
    await strivelm.ask("predictions.survey", given, { part, signal: running.signal });
  } catch (error) {
    if (error.name !== "AbortError") wrong = error.message;
  }
  if (measuring !== running) return; // another one is under way
  measuring = null;
  failed = wrong && measured.of;
  paint();
  if (wrong) at(".mapped").textContent = wrong;
}
for (const button of element.querySelectorAll(".map"))
  button.addEventListener("click", () => measure(button.dataset.where));

// What is chosen, as arguments: a place that this text has, and parts that this model has.
function chosenHere({ text, layers, heads }) {
  const length = Array.from(text).length;
  const parts = (strivelm.get(TAB, "off") ?? "").split(",").filter((part) => {
    const [, layer, number] = /^(0|[1-9]\d*)\.(m|0|[1-9]\d*)$/.exec(part) ?? [];
    return layer < layers && (number === "m" || number < heads);
  });
  const given = {};
  if (chosenPlace(length) !== length - 1) given.at = chosenPlace(length);
  if (parts.length) given.parts = parts.join(",");
  if (strivelm.get(TAB, "how") === "mean") given.how = "mean";
  return given;
}

function picture() {
  const canvas = document.createElement("canvas"),
    w = 74,
    h = 30,
    left = 70,
    top = 62;
  const width = Math.max(560, left + (shown.heads + 1) * w + 16),
    height = top + shown.layers * h + 24;
  const drawn = strivelm.context(canvas, width, height, 2),
    family = getComputedStyle(element).fontFamily,
    off = partsOff();
  drawn.fillStyle = css("--background-fill-primary");
  drawn.fillRect(0, 0, width, height);
  drawn.fillStyle = css("--body-text-color");
  drawn.font = `700 14px ${family}`;
  drawn.fillText(at(".loss").textContent, 16, 24);
  drawn.font = `12px ${family}`;
  for (let l = 0; l < shown.layers; l++) {
    drawn.textAlign = "left";
    drawn.fillText(`layer ${l}`, 16, top + l * h + 18);
    for (let k = 0; k <= shown.heads; k++) {
      const part = k === shown.heads ? `${l}.m` : `${l}.${k}`,
        found = measured(part),
        x = left + k * w,
        y = top + l * h;
      drawn.textAlign = "center";
      if (!l) drawn.fillText(k === shown.heads ? "MLP" : `head ${k}`, x + w / 2, top - 10);
      if (found) {
        drawn.fillStyle = groundOf(found[0]);
        drawn.fillRect(x, y, w - 4, h - 4);
      }
      drawn.strokeStyle = drawn.fillStyle = css("--body-text-color");
      drawn.lineWidth = off.includes(part) ? 2 : 0.5;
      drawn.strokeRect(x, y, w - 4, h - 4);
      drawn.fillText(found ? signed(found[0], 3) : off.includes(part) ? "off" : "on", x + w / 2 - 2, y + 17);
    }
  }
  return canvas;
}

function rows() {
  const table = [
    ["index", "character", "loss_with_nats", "loss_without_nats", "kl_nats"],
    ...chars.map((char, i) => [i, char, i ? before[i] : "", i ? after[i] : "", kl[i]]),
  ];
  if (!map) return table;
  table.push([], ["part", "change_of_loss_nats", "standard_error"]);
  for (let l = 0; l < shown.layers; l++)
    for (let k = 0; k <= shown.heads; k++) {
      const part = k === shown.heads ? `${l}.m` : `${l}.${k}`,
        [value, error] = measured(part);
      table.push([part, value, error ?? ""]);
    }
  return table;
}

toolbar(
  "parts-off",
  "ablation",
  { png: picture, csv: rows, python: () => (map ? `${shown.python}\n\n${map.python}` : shown.python) },
  () => ({ ...shown, map }),
);
strivelm.redrawn(element, paint);
show(JSON.parse(props.value));
if (inPage()) {
  const look = async (look) => show(await readChosen("ablation", chosenHere, look));
  const { again } = strivelm.view({ tab: TAB, element, look });
  onChoice(["at", "off", "how"], again);
}
