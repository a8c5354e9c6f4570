// What a reader chooses is kept in the address; pressing the tab's button then asks for the step anew.
const at = (name) => element.querySelector(name);
const make = (tag, props = {}, ...children) => {
  const { dataset, style, ...rest } = props;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, dataset ?? {});
  Object.assign(made.style, style ?? {});
  made.append(...children);
  return made;
};
const live = Boolean(document.querySelector("gradio-app")); // a file of its own has nobody to ask

let waiting = 0;

function ask(settings) {
  for (const [key, value, usual] of settings) strivelm.put("learn", key, value, usual ?? "");
  clearTimeout(waiting);
  waiting = setTimeout(() => strivelm.press("run-learn"), 30);
}

// -- the text -----------------------------------------------------------------------------------------------------------
const strip = at(".strip");

function drawStrip(shown) {
  at(".reader").hidden = !shown.chars.length;
  at(".pick span").hidden = !live;
  at(".legend").textContent = shown.legend;
  at(".legend").hidden = !shown.legend;
  const focused = strip.contains(document.activeElement);
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
      if (shown.tint) one.style.background = strivelm.colour("tint", Math.sqrt(shown.tint[i]));
      return one;
    }),
  );
  if (focused) strip.querySelector("[aria-selected=true]")?.focus({ preventScroll: true });
}

function pick(i) {
  const all = [...strip.children];
  if (!live || !all[i]) return;
  for (const one of all) {
    one.setAttribute("aria-selected", String(one === all[i]));
    one.tabIndex = one === all[i] ? 0 : -1;
  }
  all[i].focus({ preventScroll: true });
  ask([["at", String(i), String(all.length - 1)]]);
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
  box.hidden = !live || !shown.controls.length;
  // A slider that is being dragged must stay the same element, so controls are only made when others are needed.
  const needed = JSON.stringify(shown.controls.map(({ value, settings, ...rest }) => rest)) + shown.step;
  if (needed !== built) box.replaceChildren(...shown.controls.map(control));
  built = needed;
  shown.controls.forEach((one, i) => setControl(box.children[i], one));
}

function control(one) {
  if (one.kind === "button") {
    const made = make("button", { type: "button", className: "strivelm-tool", textContent: one.label });
    made.addEventListener("click", () => ask(Object.entries(JSON.parse(made.dataset.settings))));
    return made;
  }
  const label = make("label", { className: one.kind }, make("span", { textContent: one.label }));
  if (one.kind === "choice") {
    const field = make(
      "select",
      {},
      ...one.options.map(([value, textContent]) => make("option", { value, textContent })),
    );
    field.addEventListener("change", () => ask([[one.key, field.value, one.usual]]));
    label.append(field);
  } else {
    const field = make("input", { type: "range", min: one.least, max: one.most, step: one.step });
    const said = make("output");
    field.addEventListener("input", () => {
      said.textContent = field.value;
      ask([[one.key, field.value, String(one.usual)]]);
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
