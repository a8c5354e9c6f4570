// What a reader chooses: a character of the text, and the step's settings. It is kept in the address, and the step is
// asked for anew.
const at = (name) => element.querySelector(name);
const make = (tag, props = {}, ...children) => {
  const { dataset, style, ...rest } = props;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, dataset ?? {});
  Object.assign(made.style, style ?? {});
  made.append(...children);
  return made;
};

// By name: the usual value, and either the choices or the least and the most, and whether it is a whole number.
const SETTINGS = new Map(JSON.parse(at("section").dataset.settings).map(([name, ...rest]) => [name, rest]));
const STEPS = SETTINGS.get("step")[1];
const stepNow = () => settings().step ?? STEPS[0];

// The settings as the question takes them; what means nothing in an address is left out.
function settings() {
  const found = {};
  for (const [name, [, least, most, whole]] of SETTINGS) {
    const said = strivelm.get("learn", name);
    if (said === undefined) continue;
    const value = Array.isArray(least) ? said : whole ? Math.floor(said) : Number(said);
    if (Array.isArray(least) ? least.includes(value) : value >= least && value <= most) found[name] = value;
  }
  return found;
}

// Keeps settings; the address leaves out a setting's usual value, or the one that is given as that.
function keep(chosen, usual = {}) {
  for (const [name, value] of Object.entries(chosen)) {
    const left = name in usual || SETTINGS.has(name) ? String(usual[name] ?? SETTINGS.get(name)[0] ?? "") : undefined;
    strivelm.put("learn", name, String(value), left, { step: name === "step" });
  }
}

// -- the text -----------------------------------------------------------------------------------------------------------
const strip = at(".strip");

function drawStrip(shown) {
  at(".reader").hidden = !shown.chars.length;
  at(".pick span").hidden = !strivelm.inPage();
  at(".legend").textContent = shown.legend;
  at(".legend").hidden = !shown.legend;
  const focused = strip.contains(document.activeElement);
  const tint = shown.tint && strivelm.f32(shown.tint);
  strip.replaceChildren(
    ...shown.chars.map((char, i) => {
      const chosen = i === shown.at;
      const one = make("span", {
        textContent: strivelm.glyph(char),
        tabIndex: chosen ? 0 : -1,
        title: `position ${i}`,
        dataset: { at: i },
      });
      one.setAttribute("role", "option");
      one.setAttribute("aria-selected", String(chosen));
      one.setAttribute(
        "aria-label",
        `${char === " " ? "space" : char === "\n" ? "line break" : strivelm.glyph(char)}, position ${i}`,
      );
      if (tint) one.style.background = strivelm.colour("tint", Math.sqrt(tint[i]));
      return one;
    }),
  );
  if (focused) strip.querySelector("[aria-selected=true]")?.focus({ preventScroll: true });
}

const PLACED = ["layer", "head", "half"];

// Where the figure looks by itself, as settings: whoever changes one of them keeps the others.
function place() {
  const shown = shownNow.controls.filter(({ key }) => PLACED.includes(key)).map(({ key, value }) => [key, value]);
  return { ...Object.fromEntries(shown), ...(shownNow.chars.length ? { at: shownNow.at } : {}) };
}

function pick(i) {
  const all = [...strip.children];
  if (!strivelm.inPage() || !all[i]) return;
  for (const one of all) {
    one.setAttribute("aria-selected", String(one === all[i]));
    one.tabIndex = one === all[i] ? 0 : -1;
  }
  all[i].focus({ preventScroll: true });
  keep({ ...place(), at: i });
  again();
}

strip.addEventListener("click", (event) => {
  const one = event.target.closest("[data-at]");
  if (one) pick(Number(one.dataset.at));
});
strip.addEventListener("keydown", (event) => {
  const now = [...strip.children].findIndex((one) => one.getAttribute("aria-selected") === "true");
  const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: strip.children.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  pick(to);
});

// -- the settings -------------------------------------------------------------------------------------------------------
let built = "";

function drawControls(shown) {
  const box = at(".controls");
  box.hidden = !strivelm.inPage() || !shown.controls.length;
  // A slider that is being dragged must stay the same element, so controls are only made when others are needed.
  const changing = ["value", "settings"];
  const needed = JSON.stringify(shown.controls, (name, of) => (changing.includes(name) ? null : of)) + shown.step;
  if (needed !== built) box.replaceChildren(...shown.controls.map(control));
  built = needed;
  shown.controls.forEach((one, i) => setControl(box.children[i], one));
}

function control(one) {
  if (one.kind === "button") {
    const made = make("button", { type: "button", className: "strivelm-tool", textContent: one.label });
    made.addEventListener("click", () => {
      keep(JSON.parse(made.dataset.settings));
      again();
    });
    return made;
  }
  const label = make("label", { className: one.kind }, make("span", { textContent: one.label }));
  if (one.kind === "choice") {
    const options = one.options.map(([value, textContent]) => make("option", { value, textContent }));
    const field = make("select", { className: "strivelm-field" }, ...options);
    field.addEventListener("change", () => {
      keep({ ...(PLACED.includes(one.key) ? place() : {}), [one.key]: field.value });
      again();
    });
    label.append(field);
  } else {
    const field = make("input", { type: "range", min: one.least, max: one.most, step: one.step });
    const said = make("output");
    field.addEventListener("input", () => {
      said.textContent = field.value;
      keep({ [one.key]: field.value });
      againWhenFree();
    });
    label.append(field, said);
  }
  return label;
}

function setControl(made, one) {
  if (one.kind === "button") made.dataset.settings = JSON.stringify(one.settings);
  else {
    const field = made.querySelector("select, input");
    if (field !== document.activeElement || one.kind === "choice") field.value = one.value;
    if (made.querySelector("output")) made.querySelector("output").textContent = field.value;
  }
}
