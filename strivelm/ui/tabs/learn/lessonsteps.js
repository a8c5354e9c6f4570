const list = element.querySelector("ol");
const field = element.querySelector("select");

function go(id) {
  strivelm.put("learn", "step", id, list.querySelector("button")?.dataset.id);
  strivelm.press("run-learn");
}

function draw() {
  const { steps, current } = JSON.parse(props.value);
  if (list.children.length !== steps.length) {
    list.replaceChildren(
      ...steps.map(([id, name]) => {
        const button = Object.assign(document.createElement("button"), { type: "button" });
        button.dataset.id = id;
        button.appendChild(document.createElement("b")).textContent = id;
        button.append(` ${name}`);
        button.addEventListener("click", () => go(id));
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
  }
  for (const button of list.querySelectorAll("button")) {
    if (button.dataset.id === current) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
    button.tabIndex = button.dataset.id === current ? 0 : -1;
  }
  field.value = current;
  // Whoever pressed Next at the foot of a step reads on from its head.
  if (element.dataset.current && element.dataset.current !== current && element.getBoundingClientRect().top < 0)
    element.scrollIntoView({ block: "start" });
  element.dataset.current = current;
}

list.addEventListener("keydown", (event) => {
  const all = [...list.querySelectorAll("button")],
    now = all.indexOf(document.activeElement);
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
  go(all[to].dataset.id);
});
field.addEventListener("change", () => go(field.value));
watch("value", draw);
draw();
