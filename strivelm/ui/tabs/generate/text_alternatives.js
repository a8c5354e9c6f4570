// Beside the text: what could have stood at a place, before and after temperature and truncation.
let chosen = -1; // the place that is shown
let pinned = -1; // the place to which that comes back; after a character was forced it is written anew
let following = true; // whether the page's end is kept in sight, if it is; else the forced character is
let forcing = false;
const choice = at(".choice");
const bars = at(".bars");

// Shows a character's alternatives; `stay` keeps it chosen when the pointer goes elsewhere.
function choose(place, { stay = false, aloud = false, title = false } = {}) {
  if (!(place >= 0 && place < shown.chars.length)) place = -1;
  if (stay) pinned = place;
  shown.chars[chosen]?.span.classList.remove("chosen");
  chosen = place;
  shown.chars[chosen]?.span.classList.add("chosen");
  at(".said").setAttribute("aria-live", aloud ? "polite" : "off");
  describe(title);
}

function describe(title) {
  const one = shown.chars[chosen];
  choice.dataset.empty = String(!one);
  at(".bars-key").hidden = !one;
  if (!one) {
    at(".choice > h3").textContent = "Alternatives";
    at(".choice .said").textContent = shown.chars.length
      ? "Point at a character, tap it, or go there with ← and →."
      : "What else could have stood there: point at a character.";
    return bars.replaceChildren();
  }
  const p = Math.exp(-one.nats);
  const drawn = one.forced ? "You forced it here." : `It was drawn with ${strivelm.percent(one.drawn)}.`;
  at(".choice > h3").textContent = `${strivelm.glyph(one.char)} at place ${(chosen + 1).toLocaleString("en")}`;
  at(".choice .said").replaceChildren(
    `${title ? "The least expected one. " : ""}${expectation(one.nats)}: the model gave it ${strivelm.percent(p)}, ` +
      `${strivelm.oneIn(one.nats)} (${one.nats.toFixed(2)} `,
    term("nats", "nat"),
    `). ${drawn}`,
  );
  const listed = one.others.some(([char]) => char === one.char)
    ? one.others
    : [...one.others, [one.char, p, one.drawn]];
  const rest = [1, 2].map((k) => Math.max(0, 1 - listed.reduce((sum, row) => sum + row[k], 0)));
  bars.replaceChildren(...listed.map((row) => bar(row, row[0] === one.char)), bar(["others", ...rest], false, true));
}

function bar([char, before, after], own, others = false) {
  const row = document.createElement("li"),
    face = document.createElement(others ? "div" : "button");
  face.className = "strivelm-flat";
  const named = others ? "all others" : strivelm.glyph(char);
  const cell = (tag, name, said = "") =>
    face.appendChild(Object.assign(document.createElement(tag), { className: name, textContent: said }));
  cell("b", "char", others ? "…" : strivelm.glyph(char));
  const track = cell("span", "track");
  for (const [name, p] of [
    ["before", before],
    ["after", after],
  ])
    track.appendChild(Object.assign(document.createElement("i"), { className: name })).style.width = `${100 * p}%`;
  cell("span", "p", strivelm.percent(before));
  cell("span", "p", after > 0 ? strivelm.percent(after) : "–");
  face.setAttribute(
    "aria-label",
    `${named}: ${strivelm.percent(before)}, after temperature and truncation ${strivelm.percent(after)}${own ? ", it stands here" : ""}`,
  );
  if (others) face.setAttribute("role", "img");
  else {
    face.type = "button";
    face.disabled = !canForce() || own;
    face.tabIndex = -1;
    face.title = own ? "It stands here" : canForce() ? `Force ${named} here, and let the model go on` : "";
    face.dataset.char = char;
  }
  row.dataset.own = String(own);
  row.dataset.cut = String(!(after > 0));
  row.append(face);
  return row;
}

const canForce = () => strivelm.canWrite() && !running;

// Scrolls the text, and nothing else, so that a place can be seen.
function intoSight(place) {
  const span = shown.chars[place]?.span;
  if (!span) return;
  const [box, line] = [page.getBoundingClientRect(), span.getBoundingClientRect()];
  if (line.top < box.top) page.scrollTop += line.top - box.top - 8;
  else if (line.bottom > box.bottom) page.scrollTop += line.bottom - box.bottom + 8;
}

// The place of another character, kept with what stands before it; the model goes on from there.
function force(char) {
  if (!canForce() || chosen < 0) return;
  pinned = chosen;
  forcing = true;
  page.focus({ preventScroll: true });
  write({ from: chosen, char });
}

bars.addEventListener("click", (event) => {
  const face = event.target.closest("button");
  if (face) force(face.dataset.char);
});

bars.addEventListener("keydown", (event) => {
  const faces = [...bars.querySelectorAll("button:enabled")],
    now = faces.indexOf(document.activeElement);
  const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: faces.length - 1 }[event.key];
  if (event.key === "Escape") page.focus();
  else if (to === undefined) return;
  else faces[Math.min(faces.length - 1, Math.max(0, to))]?.focus();
  event.preventDefault();
});

const placeOf = (event) => event.target.closest?.(".new > span")?.strivelm ?? -1;

written.addEventListener("pointerover", (event) => {
  if (!arriving && event.pointerType !== "touch" && placeOf(event) >= 0) choose(placeOf(event));
});
page.addEventListener("pointerleave", () => chosen !== pinned && choose(pinned));
written.addEventListener("click", (event) => {
  if (placeOf(event) < 0) return;
  choose(placeOf(event), { stay: true });
  choice.scrollIntoView({ block: "nearest" });
});

page.addEventListener("keydown", (event) => {
  if (event.target !== page || event.ctrlKey || event.metaKey || event.altKey || !shown.chars.length) return;
  const last = shown.chars.length - 1;
  const to = {
    ArrowRight: Math.min(last, chosen + 1),
    ArrowLeft: chosen < 0 ? last : Math.max(0, chosen - 1),
    Home: 0,
    End: last,
  }[event.key];
  if (to !== undefined) {
    choose(to, { stay: true, aloud: true });
    intoSight(to);
  } else if (event.key === "Enter" && chosen >= 0) bars.querySelector("button:enabled")?.focus();
  else if (event.key === "Escape") choose(-1, { stay: true });
  else return;
  event.preventDefault();
});
