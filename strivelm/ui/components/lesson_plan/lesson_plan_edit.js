// A lesson under its maker's hands: sentences, order, and what it is kept as.
const at = (name) => element.querySelector(name);
const list = at(".edit ol");

function button(label, act, more = {}) {
  const made = strivelm.make("button", `strivelm-tool ${more.kind ?? ""}`, label, { type: "button" });
  if (more.title) made.setAttribute("aria-label", more.title);
  made.disabled = Boolean(more.disabled);
  made.addEventListener("click", act);
  return made;
}

function drawEdit() {
  const field = at(".title input");
  field.maxLength = MOST.title;
  if (field !== document.activeElement) field.value = plan.title;
  at(".empty").hidden = plan.steps.length > 0;
  list.replaceChildren(...plan.steps.map(row));
  const none = !plan.steps.length;
  at(".edit .strivelm-tools").replaceChildren(
    button("Add this view", () => add(), { kind: "add" }),
    button("Walk it", () => go(0), { kind: "start", disabled: none }),
    button("Save as a file", save, { disabled: none }),
    button("Open a file", () => at("[type=file]").click()),
    button("Copy as a link", copyLink, { disabled: none, kind: "link" }),
    button("Handout to print", handout, { disabled: none, kind: "print" }),
    button("Close", close, { kind: "end" }),
  );
}

function row(step, i) {
  const made = strivelm.make("li");
  const says = strivelm.make("textarea", "strivelm-field", "", { rows: 1, maxLength: MOST.says, value: step.says });
  says.placeholder = "What is to be seen here? Ask a question, for example.";
  says.setAttribute("aria-label", `Sentence of step ${i + 1}`);
  says.addEventListener("input", () => {
    step.says = says.value;
    keep();
  });
  const acts = strivelm.make("span", "acts");
  acts.append(
    button("↑", () => move(i, -1), { title: `Move step ${i + 1} up`, disabled: i === 0 }),
    button("↓", () => move(i, 1), { title: `Move step ${i + 1} down`, disabled: i === plan.steps.length - 1 }),
    button("Remove", () => remove(i), { title: `Remove step ${i + 1}` }),
  );
  const open = button(called(step.link), () => go(i, "edit"), { kind: "open" });
  if (i === now) open.setAttribute("aria-current", "step");
  made.append(open, acts, says);
  return made;
}

// Adds the view on show; without a lesson it begins one.
function add() {
  if (plan.steps.length >= MOST.steps) return note(`A lesson has at most ${MOST.steps} steps.`);
  try {
    plan.steps.push({ link: present(), says: "" });
  } catch (error) {
    return note(error.message);
  }
  [mode, now] = ["edit", plan.steps.length - 1];
  changed(`Added as step ${plan.steps.length}.`);
  list.lastElementChild.querySelector("textarea").focus();
}

function move(i, by) {
  const [step] = plan.steps.splice(i, 1);
  plan.steps.splice(i + by, 0, step);
  now = -1;
  changed(`Step ${i + 1} is step ${i + by + 1} now.`);
  // The button moves with its row; at an end the other one is left.
  const [up, down] = list.children[i + by].querySelectorAll(".acts button");
  const [first, other] = by < 0 ? [up, down] : [down, up];
  (first.disabled ? other : first).focus();
}

function remove(i) {
  const [step] = plan.steps.splice(i, 1);
  now = -1;
  changed(`Step ${i + 1} is removed. `);
  const back = button("Put it back", () => {
    plan.steps.splice(i, 0, step);
    changed("It is back.");
  });
  at(".note").append(back);
  back.focus();
}

const fileName = () => `${plan.title.replaceAll(/[^\p{L}\p{N}]+/gu, "-").replaceAll(/^-|-$/g, "") || "lesson"}.json`;

function save() {
  strivelm.save(fileName(), written(plan), "application/json");
  note("Saved. “Open a file” opens it again.");
}

async function copyLink() {
  try {
    const address = await packed(plan);
    await strivelm.copy(address).then(
      () => note(`Copied: the whole lesson in a link of ${size(address.length)} characters.`),
      () => note(address), // to be copied by hand
    );
  } catch (error) {
    note(error.message);
  }
}

at(".title input").addEventListener("input", (event) => {
  plan.title = event.target.value;
  keep();
});

at("[type=file]").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = ""; // the same file can be chosen again
  if (!file) return;
  try {
    plan = await readFile(file);
    [mode, now] = ["edit", -1];
    changed(`Opened: ${plan.steps.length} step${plan.steps.length === 1 ? "" : "s"}.`);
  } catch (error) {
    note(error.message);
  }
});

// Gradio confines the page's style to its own part of the page; the handout stands beside that, and alone on paper.
const PAPER = `
.strivelm-lesson-handout { display: none; }
@media print {
  body > :not(.strivelm-lesson-handout) { display: none !important; }
  .strivelm-lesson-handout { display: block; color: black; background: white; font: 12pt/1.45 sans-serif; }
  .strivelm-lesson-handout li { break-inside: avoid; margin-bottom: 14pt; }
  .strivelm-lesson-handout p { margin: 0 0 3pt; overflow-wrap: anywhere; unicode-bidi: plaintext; }
  .strivelm-lesson-handout .says { font-size: 14pt; font-weight: 700; }
  .strivelm-lesson-handout .link { font: 9pt/1.4 monospace; }
}`;

// All steps with their sentences and links as text, on paper.
function handout() {
  document.querySelector(".strivelm-lesson-handout")?.remove();
  const page = strivelm.make("div", "strivelm-lesson-handout");
  const steps = strivelm.make("ol");
  steps.append(
    ...plan.steps.map(({ link, says }) => {
      const item = strivelm.make("li");
      if (says) item.append(strivelm.make("p", "says", says));
      item.append(strivelm.make("p", "", called(link)));
      item.append(strivelm.make("p", "link", `${location.origin}${location.pathname}${link}`));
      return item;
    }),
  );
  page.append(strivelm.make("style", "", PAPER), strivelm.make("h1", "", plan.title || "A lesson"), steps);
  document.body.append(page);
  window.addEventListener("afterprint", () => page.remove(), {
    once: true,
  });
  window.print();
}
