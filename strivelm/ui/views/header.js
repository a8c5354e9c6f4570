const at = (name) => element.querySelector(name);

function fact([name, value]) {
  const pair = document.createElement("div");
  pair.appendChild(document.createElement("dt")).textContent = name;
  pair.appendChild(document.createElement("dd")).textContent = value;
  return pair;
}

function draw() {
  const shown = JSON.parse(props.value);
  at("dl").replaceChildren(...shown.facts.map(fact));
  for (const name of ["measured", "guess", "meaning"]) at(`.${name}`).textContent = shown[name];
  at(".scale").hidden = shown.share === null;
  at(".fill").style.width = `${100 * (shown.share ?? 1)}%`;
}

watch("value", draw);
draw();
