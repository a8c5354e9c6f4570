// Switches for a model's heads and MLPs: a grid with a row for each layer, the heads side by side and the MLP last.
//
// A part is named as everywhere: "2.0" is head 0 of layer 2, "2.m" the MLP of layer 2.
// partSwitches(box, { layers, heads }, { off, press, of, enabled }) fills `box`:
//   off(part)   whether it is switched off
//   press(part) is called when the visitor presses it
//   of(part)    (optional) what is known of it: { text, ground, title, quiet }, or null; else it says "on" or "off"
//   enabled     (optional) whether it can be pressed at all
// The arrow keys, Home and End move from switch to switch, Space and Enter press; the grid is one stop of the Tab key.
import { make } from "../common/elements.js";

const MLP = "m";
const isMLP = (part) => part.endsWith(`.${MLP}`);
const partName = (part) => (isMLP(part) ? `MLP of layer ${part.split(".")[0]}` : `head ${part}`);
const partRows = ({ layers, heads }) =>
  Array.from({ length: layers }, (_, layer) => [...Array(heads).keys(), MLP].map((part) => `${layer}.${part}`));

// What is off of a model, in words: "2 of 24 heads and 1 of 6 MLPs", or "".
function partsInWords(off, { layers, heads }) {
  const mlps = off.filter(isMLP).length;
  const words = [
    off.length > mlps && `${off.length - mlps} of ${layers * heads} head${layers * heads === 1 ? "" : "s"}`,
    mlps && `${mlps} of ${layers} MLP${layers === 1 ? "" : "s"}`,
  ];
  return words.filter(Boolean).join(" and ");
}

function fillSwitch(button, part, { off, of = () => null, enabled = true }) {
  const found = of(part);
  const isOff = off(part);
  button.textContent = found?.text ?? (isOff ? "off" : "on");
  button.disabled = !enabled;
  button.setAttribute("aria-pressed", String(isOff));
  button.title = `${partName(part)}, ${isOff ? "off" : "on"}${found?.title ? `: ${found.title}` : ""}`;
  button.setAttribute("aria-label", `Switch off ${button.title}`);
  button.style.backgroundColor = found?.ground ?? "";
  button.dataset.quiet = String(Boolean(found?.quiet));
}

function partSwitches(box, model, options) {
  const rows = partRows(model);
  const there = rows.flat();
  const shape = `${model.layers} ${model.heads}`;
  box.classList.add("strivelm-parts");
  if (box.dataset.shape !== shape) {
    box.dataset.shape = shape;
    box.style.setProperty("--columns", model.heads + 1);
    const tops = [...Array(model.heads).keys()].map((head) => make("span", "top", `head ${head}`));
    box.replaceChildren(make("span"), ...tops, make("span", "top mlp", "MLP"));
    rows.forEach((row, layer) => {
      const buttons = row.map((part) => {
        const button = make("button", isMLP(part) ? "mlp" : "head", "", { type: "button" });
        button.dataset.part = part;
        return button;
      });
      box.append(make("span", "side", `layer ${layer}`), ...buttons);
    });
  }
  if (!there.includes(box.dataset.here)) box.dataset.here = there[0];
  const button = (part) => box.querySelector(`[data-part="${part}"]`);
  for (const part of there) {
    fillSwitch(button(part), part, options);
    button(part).tabIndex = part === box.dataset.here ? 0 : -1;
  }
  const stand = (part) => {
    button(box.dataset.here).tabIndex = -1;
    box.dataset.here = part;
    button(part).tabIndex = 0;
  };
  box.onclick = ({ target }) => {
    if (!target.dataset.part) return;
    stand(target.dataset.part);
    options.press(target.dataset.part);
  };
  box.onkeydown = (event) => {
    const { part } = event.target.dataset;
    if (!part || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rows.findIndex((found) => found.includes(part));
    const column = rows[row].indexOf(part);
    const to = {
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      Home: [row, 0],
      End: [row, model.heads],
    }[event.key];
    if (!to) return;
    event.preventDefault();
    const next = rows[to[0]]?.[to[1]];
    if (!next) return;
    stand(next);
    button(next).focus();
  };
}

export { partName, partRows, partsInWords, partSwitches };
