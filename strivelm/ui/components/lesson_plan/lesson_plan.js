// Walks a lesson: opens each view with its sentence above it. Where it stands is kept for this tab of the browser.
const KEPT = "strivelm-lesson";
let plan = { title: "", steps: [] };
let mode = ""; // "edit", "walk", or "" without a lesson
let now = -1; // the step that is on show

function keep() {
  try {
    if (mode) sessionStorage.setItem(KEPT, JSON.stringify({ plan, mode, now }));
    else sessionStorage.removeItem(KEPT);
  } catch {
    note("Your browser keeps nothing for this page: save the lesson as a file before you leave.");
  }
}

function note(text = "") {
  at(".note").textContent = text;
}

function draw() {
  at("section").hidden = !mode;
  at(".walk").hidden = mode !== "walk";
  at(".edit").hidden = mode !== "edit";
  if (mode === "edit") drawEdit();
  if (mode !== "walk") return;
  const step = plan.steps[now];
  at(".where").textContent = `${plan.title || "A lesson"} · step ${now + 1} of ${plan.steps.length}`;
  at(".says").textContent = step.says || called(step.link);
  at(".previous").disabled = now === 0;
  at(".next").disabled = now === plan.steps.length - 1;
}

function changed(text) {
  keep();
  draw();
  note(text);
}

// Opens a step's view.
function go(to, as = "walk") {
  const step = plan.steps[to];
  if (!step) return false;
  [mode, now] = [as, to];
  changed("");
  open(step.link);
  return true;
}

// Shows a view of this page: in place where the page can, else by loading it. The address keeps what is Gradio's own.
function open(link) {
  const own = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("__"));
  const { search, hash } = new URL(link || "?", location.href.replace(/[?#].*/s, ""));
  const query = new URLSearchParams([...own, ...new URLSearchParams(search)]).toString();
  const address = `${location.pathname}${query ? `?${query}` : ""}${hash}`;
  // An entry of the history that the page did not make is opened as its address says (common/history.js).
  if (strivelm.walk && strivelm.chosen.page)
    return void setTimeout(() => {
      history.pushState(null, "", address);
      window.dispatchEvent(new PopStateEvent("popstate"));
    });
  const same = `${location.pathname}${location.search}` === address.replace(/#.*/s, "");
  location.assign(address);
  if (same) location.reload(); // another fragment alone loads nothing
}

function close() {
  [plan, mode, now] = [{ title: "", steps: [] }, "", -1];
  changed("");
}

const walk = (by) => mode === "walk" && go(now + by);

at(".previous").addEventListener("click", () => walk(-1));
at(".next").addEventListener("click", () => walk(1));
at(".change").addEventListener("click", () => {
  mode = "edit";
  changed("");
  at(".title input").focus();
});
at(".close").addEventListener("click", close);

const carried = () => new URLSearchParams(location.hash.slice(1)).get(HASH);

// Back and Forward of the browser lead to views of the lesson as well.
function whereNow() {
  if (carried()) return; // not a view yet
  const here = choicesOf(present());
  if (mode !== "walk" || choicesOf(plan.steps[now]?.link ?? "") === here) return;
  const there = plan.steps.findIndex(({ link }) => choicesOf(link) === here);
  if (there < 0) return;
  now = there;
  changed("");
}

// A lesson that a link brings is walked from its first view on.
async function arrive() {
  const code = carried();
  if (!code) return false;
  history.replaceState(history.state, "", `${location.pathname}${location.search}`);
  try {
    const found = await unpacked(code);
    if (!found.steps.length) throw new Error("The lesson in the address has no steps.");
    plan = found;
  } catch (error) {
    if (!mode) resume();
    at("section").hidden = false;
    note(error.message);
    return true;
  }
  go(0);
  return true;
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null; // this browser keeps nothing, or something else was kept there
  }
}

// What was open before the page was loaded anew, else the lesson that the view was made with.
function resume() {
  const { lesson } = JSON.parse(props.value);
  try {
    const found = kept() ?? { plan: lesson, mode: lesson ? "edit" : "", now: -1 };
    if (!["edit", "walk"].includes(found.mode)) return;
    plan = checked(found.plan);
    const known = Number.isInteger(found.now) && found.now >= 0 && found.now < plan.steps.length;
    now = known ? found.now : -1;
    mode = found.mode === "walk" && !known ? "edit" : found.mode;
    whereNow();
    draw();
  } catch {
    close();
  }
}

strivelm.lessonPlan = { add, walk };
strivelm.steps?.register(
  () => walk(1),
  () => walk(-1),
  () => mode === "walk",
);
window.addEventListener("hashchange", arrive);
window.addEventListener("popstate", arrive, true); // before the page takes the address for its own (common/history.js)
window.addEventListener("popstate", () => queueMicrotask(whereNow));
arrive().then((came) => came || resume());
