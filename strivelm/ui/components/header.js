const at = (name) => element.querySelector(name);

function fact([name, value]) {
  const pair = document.createElement("div");
  pair.appendChild(document.createElement("dt")).textContent = name;
  pair.appendChild(document.createElement("dd")).textContent = value;
  return pair;
}

function rung([name, nats, place]) {
  const step = document.createElement("li");
  step.style.left = `${100 * place}%`;
  step.title = `${name}: ${nats} nats per character`;
  step.dataset.model = String(name === "this model");
  step.appendChild(document.createElement("span")).textContent = name;
  step.appendChild(document.createElement("b")).textContent = nats;
  return step;
}

// Rungs that stand close share a label's room: the one nearer to the model keeps its own.
function unclutter() {
  const steps = [...element.querySelectorAll(".ladder li")].reverse();
  const taken = [];
  for (const step of steps) {
    step.classList.remove("quiet");
    const box = [...step.children].map((part) => part.getBoundingClientRect());
    const left = Math.min(...box.map((b) => b.left)) - 4,
      right = Math.max(...box.map((b) => b.right)) + 4;
    if (taken.some(([from, to]) => left < to && right > from)) step.classList.add("quiet");
    else taken.push([left, right]);
  }
}

function draw() {
  const shown = JSON.parse(props.value);
  at("dl").replaceChildren(...shown.facts.map(fact));
  for (const name of ["measured", "meaning"]) at(`.${name}`).textContent = shown[name];
  at(".ladder").replaceChildren(...shown.ladder.map(rung));
  unclutter();
}

watch("value", draw);
draw();
new ResizeObserver(unclutter).observe(at(".ladder"));
document.fonts?.ready.then(unclutter);
