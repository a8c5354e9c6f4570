// Which heads and MLPs are switched off, as "0.1,1.m"; the section's texts are written anew when that changes.
const at = (name) => element.querySelector(name);
const grid = at(".grid");
const FIRST = "0.0"; // what is off until a visitor says otherwise
const NONE = "none"; // how the address says that nothing is
const QUIET = 500; // milliseconds without a press after which the texts are written
let model = { layers: 0, heads: 0 };
let pressed = -QUIET; // when a switch was
const waiting = []; // what goes on when another model's switches are shown

// Links from before MLPs were called "1.m" say "m1".
const fromAddress = (part) => part.replace(/^m(\d+)$/, "$1.m");
function linked() {
  const said = strivelm.get("generate", "off") ?? FIRST;
  return new Set(said === NONE ? [] : said.split(",").map(fromAddress));
}
let off = linked();

const there = () => strivelm.partRows(model).flat();
const ordered = () => there().filter((part) => off.has(part));

// For the view of the texts: a promise of what is off of a model, kept once its switches are shown and the visitor pauses.
// After a step back or forward it is what the address says.
strivelm.switchedOff = (of, signal, walked) =>
  new Promise((kept, broken) => {
    if (walked) {
      off = linked();
      show();
    }
    signal.addEventListener("abort", () => broken(signal.reason));
    const check = () => {
      const rest = pressed + QUIET - performance.now();
      if (model.model !== of) waiting.push(check);
      else if (rest > 0) setTimeout(check, rest);
      else kept(ordered().join(","));
    };
    check();
  });

function keep() {
  strivelm.put("generate", "off", ordered().join(",") || NONE, FIRST);
}

function show() {
  strivelm.partSwitches(grid, model, { off: (part) => off.has(part), press: toggle });
  const words = strivelm.partsInWords(ordered(), model);
  at(".said").textContent = words ? `Switched off: ${words}.` : "Everything is on: both texts will be the same.";
  at(".all").disabled = !words;
}

function changed() {
  pressed = performance.now();
  show();
  keep();
  strivelm.run("heads");
}

function toggle(part) {
  if (!off.delete(part)) off.add(part);
  changed();
}

function draw() {
  model = JSON.parse(props.value);
  off = new Set(ordered());
  show();
  keep();
  for (const check of waiting.splice(0)) check();
}

at(".all").addEventListener("click", () => {
  off.clear();
  changed();
  grid.querySelector("[tabindex='0']").focus();
});

watch("value", draw);
draw();
