const list = element.querySelector("ol");
const field = element.querySelector("select");

const steps = JSON.parse(props.value);

list.replaceChildren(
  ...steps.map(([id, name]) => {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.dataset.id = id;
    button.appendChild(document.createElement("b")).textContent = id;
    button.append(` ${name}`);
    button.addEventListener("click", () => learn.go(id));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }),
);
field.replaceChildren(
  ...steps.map(([id, name]) =>
    Object.assign(document.createElement("option"), { value: id, textContent: `${id} ${name}` }),
  ),
);

function mark(current) {
  if (element.dataset.current === current) return;
  for (const button of list.querySelectorAll("button")) {
    if (button.dataset.id === current) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
    button.tabIndex = button.dataset.id === current ? 0 : -1;
  }
  field.value = current;
  // Whoever pressed Next at the foot of a step reads on from its head.
  if (element.dataset.current && element.getBoundingClientRect().top < 0) element.scrollIntoView({ block: "start" });
  element.dataset.current = current;
}

list.addEventListener("keydown", (event) => {
  const all = [...list.querySelectorAll("button")];
  const now = all.indexOf(document.activeElement);
  const to = {
    ArrowLeft: now - 1,
    ArrowUp: now - 1,
    ArrowRight: now + 1,
    ArrowDown: now + 1,
    Home: 0,
    End: all.length - 1,
  }[event.key];
  if (to === undefined || !all[to]) return;
  event.preventDefault();
  all[to].focus();
  learn.go(all[to].dataset.id);
});
field.addEventListener("change", () => learn.go(field.value));
learn.mark = mark;
mark(learn.stepNow?.() ?? steps[0][0]);
