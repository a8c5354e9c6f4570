// A text that comes by itself: the server writes it at full speed, and the page shows it so slowly that it can be
// followed. Beside it the likely next letters race as bars; a press on one changes the story.
const PACE = 15; // characters a second at first
const FOLLOWED = 60; // so many come at this pace; from there on it doubles every second
const BEFORE = 0.6; // seconds in which the first bars are seen alone
const DECIDED = 0.45; // from this part of a character's time on it is marked which one was drawn
const RACERS = 6;
const SHOWS_MOTION = !matchMedia("(prefers-reduced-motion: reduce)").matches;
const racers = at(".race ol");
let arriving = null; // the text that is being shown: characters that wait, and how far the show has come

// How many characters are shown after so many seconds.
function shownAfter(seconds) {
  const steady = FOLLOWED / PACE;
  if (seconds <= steady) return PACE * Math.max(0, seconds);
  return FOLLOWED + (PACE / Math.LN2) * (2 ** (seconds - steady) - 1);
}

// A promise that is kept when the text can be seen: the window, the tab and the section are.
const inSight = (signal) =>
  new Promise((kept, broken) => {
    const sized = new ResizeObserver(() => check());
    const check = () => {
      const here = strivelm.chosen.tab === "generate" && (field("section") ?? "write") === "write";
      if (document.hidden || !element.clientWidth) return;
      if (!here) return void requestAnimationFrame(() => signal.aborted || check()); // what is chosen is said later
      sized.disconnect();
      kept();
    };
    document.addEventListener("visibilitychange", check, { signal });
    signal.addEventListener("abort", () => (sized.disconnect(), broken(signal.reason)));
    sized.observe(element);
    check();
  });

// Begins a show; gives it with `done`, a promise that is kept when all of the text stands there.
function arrive(signal) {
  const made = { waiting: [], last: {}, seconds: -BEFORE, count: 0, now: performance.now(), held: false };
  made.done = new Promise((kept, broken) => {
    made.end = kept;
    signal.addEventListener("abort", () => broken(signal.reason));
  });
  made.done.catch(() => {}); // whoever waits for it hears that it was given up
  arriving = made;
  choice.dataset.racing = "true";
  requestAnimationFrame((now) => advance(made, now));
  return made;
}

// What has come from the server waits for its time.
function wait({ characters, seconds, ended = "" }) {
  arriving.waiting.push(...characters);
  arriving.last = { seconds, ended };
}

// A browser draws no frames of a page that is out of sight, so nothing is shown there either.
function advance(made, now) {
  if (arriving !== made) return;
  const passed = Math.min(0.1, (now - made.now) / 1000);
  made.now = now;
  if (!made.held && made.waiting.length) made.seconds += passed;
  const due = shownAfter(made.seconds);
  const fresh = made.waiting.splice(0, Math.floor(due) - made.count);
  made.count += fresh.length;
  if (fresh.length) reveal(fresh);
  if (!made.waiting.length && made.last.ended) return endShow();
  race(made.waiting[0], made.seconds > 0 && due % 1 > DECIDED);
  requestAnimationFrame((next) => advance(made, next));
}

// The rest of the text is there at once.
function endShow() {
  const made = arriving;
  if (!made) return;
  closeShow();
  Object.assign(shown, made.last);
  reveal(made.waiting);
  made.end();
}

function closeShow() {
  arriving = null;
  choice.dataset.racing = "false";
  racers.replaceChildren();
}

// The characters that may come next, each with the chance that it is drawn; `decided` marks the one that is.
function race(one, decided) {
  if (!one) return;
  const [char, , drawn, others] = one;
  const rows = others.map(([other, , chance]) => [other, chance]).sort((a, b) => b[1] - a[1]);
  const first = rows.slice(0, RACERS);
  if (!first.some(([other]) => other === char)) first.push([char, drawn]);
  const there = new Map([...racers.children].map((row) => [row.dataset.char, row]));
  first.forEach(([other, chance], i) => {
    const row = there.get(other) ?? racer(other);
    there.delete(other);
    row.style.transform = `translateY(${i}00%)`;
    row.dataset.drawn = String(decided && other === char);
    row.querySelector("i").style.width = `${100 * chance}%`;
    row.querySelector(".p").textContent = strivelm.percent(chance);
  });
  for (const row of there.values()) row.remove();
}

function racer(char) {
  const row = racers.appendChild(make("li"));
  const face = row.appendChild(make("button", "strivelm-flat"));
  row.dataset.char = char;
  face.type = "button";
  face.setAttribute("aria-label", `Let the text go on with ${strivelm.glyph(char)}`);
  const track = make("span", "track");
  track.append(make("i"));
  face.append(make("b", "char", strivelm.glyph(char)), track, make("span", "p"));
  return row;
}

// The bars wait while a visitor is about to choose one of them; having chosen, nobody waits.
const hold = (held) => arriving && (arriving.held = held);
racers.addEventListener("pointermove", (event) => event.pointerType !== "touch" && hold(true));
racers.addEventListener("pointerdown", () => hold(true));
racers.addEventListener("pointerleave", () => hold(false));
racers.addEventListener("pointercancel", () => hold(false));
racers.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && hold(true));
racers.addEventListener("focusout", () => hold(false));
racers.addEventListener("click", (event) => {
  const row = event.target.closest("li");
  if (row && arriving) write({ from: shown.chars.length, char: row.dataset.char, slowly: true });
});

// Whatever else a visitor presses ends the show; Escape stops the text where it stands.
const QUIET_KEYS = new Set(["Tab", "Shift", "Control", "Alt", "Meta"]);
function pressed(event) {
  if (!arriving || !event.isTrusted || event.target.closest?.(".race, #stop")) return;
  if (event.type === "keydown" && QUIET_KEYS.has(event.key)) return;
  if (event.key === "Escape") view.stop();
  else endShow();
}
if (strivelm.inPage()) for (const kind of ["click", "keydown", "input"]) document.addEventListener(kind, pressed, true);
