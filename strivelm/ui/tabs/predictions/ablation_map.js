// The switches, coloured by the map of all parts where it has been measured.
const SPAN = 2; // nats: where the scales of differences end
const ENDS = [
  [-1, `−${SPAN} better`],
  [0, "0"],
  [1, `+${SPAN} worse`],
];

// A ground for a change of loss in nats, orange where it is worse: of the diverging ramp only as far from its middle as
// text can be read on it.
const groundOf = (change) =>
  strivelm.colour("diverging", (strivelm.dark() ? 0.36 : 0.5) * Math.max(-1, Math.min(1, -change / SPAN)));

// Fills `box` with a toggle for each part; off(part) says whether it is off, of(part) its change of loss and standard
// error, or null, and press(part) is called.
function switches(box, { layers, heads }, { off, of, press }) {
  box.style.gridTemplateColumns = `max-content repeat(${heads + 1}, minmax(52px, 84px))`;
  const held = box.querySelector(":focus")?.dataset.part;
  const rows = [
    make("span", "row"),
    ...Array.from({ length: heads }, (_, h) => make("span", "column", `head ${h}`)),
    make("span", "column", "MLP"),
  ];
  for (let l = 0; l < layers; l++) {
    rows.push(make("span", "row", `layer ${l}`));
    for (let h = 0; h <= heads; h++) {
      const part = h === heads ? `${l}.m` : `${l}.${h}`,
        found = of(part),
        button = make("button", "", found ? signed(found[0], 3) : part);
      button.type = "button";
      button.disabled = !inPage();
      button.dataset.part = part;
      button.setAttribute("aria-pressed", String(off(part)));
      const said = `${partName(part)}${off(part) ? ", off" : ""}`;
      button.title = found
        ? `${said}: without it alone the loss changes by ${signed(found[0], 3)} nats${found[1] === null ? "" : ` ± ${found[1].toFixed(3)} (standard error)`}`
        : said;
      button.setAttribute("aria-label", button.title);
      if (found) {
        button.style.backgroundColor = groundOf(found[0]);
        // Within two standard errors of nothing: noise, and so drawn quietly.
        if (found[1] !== null && Math.abs(found[0]) < 2 * found[1]) button.style.fontStyle = "italic";
      }
      button.addEventListener("click", () => press(part));
      rows.push(button);
    }
  }
  box.replaceChildren(...rows);
  if (held) box.querySelector(`[data-part="${held}"]`)?.focus();
}

// The scale of a change of loss, with what it is of: from better, teal, to worse, orange.
const scaleOfChange = (what = "") =>
  strivelm.scaleBar({ ramp: "diverging", colour: (t) => groundOf(SPAN * t), ticks: ENDS, what, width: 262 });
