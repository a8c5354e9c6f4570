// A small line chart in SVG, read by pointing at it or with the arrow keys.
//
// `o`: series = [{ name, values, colour, dash }], low and high of the upright axis, x and y what the axes are,
// place(i) how the i-th place is called, marker (a place with a line), say(i) what to read at a place.
function chart(box, o) {
  const SVG = "http://www.w3.org/2000/svg",
    LEFT = 40,
    RIGHT = 12,
    TOP = 10,
    BOTTOM = 34,
    HEIGHT = 210;
  const add = (parent, name, attributes, text) => {
    const one = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
    if (text != null) one.textContent = text;
    parent.append(one);
    return one;
  };
  const width = box.clientWidth;
  if (!width) return;
  const n = Math.max(...o.series.map((one) => one.values.length));
  const x = (i) => LEFT + (n < 2 ? 0.5 : i / (n - 1)) * (width - LEFT - RIGHT);
  const y = (value) => TOP + (1 - (value - o.low) / (o.high - o.low || 1)) * (HEIGHT - TOP - BOTTOM);
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({
    viewBox: `0 0 ${width} ${HEIGHT}`,
    height: HEIGHT,
    role: "img",
    tabindex: 0,
    "aria-label": `${o.y} by ${o.x}: ${o.series.map((one) => one.name).join(", ")}. Arrow keys read it out.`,
  }))
    svg.setAttribute(key, value);

  for (const value of o.ticks) {
    add(svg, "line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) });
    add(svg, "text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, o.tick(value));
  }
  for (const i of [...new Set([0, n >> 1, n - 1])])
    add(
      svg,
      "text",
      { x: x(i), y: HEIGHT - BOTTOM + 16, "text-anchor": i === 0 ? "start" : i === n - 1 ? "end" : "middle" },
      o.place(i),
    );
  add(svg, "text", { x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 2, "text-anchor": "middle" }, o.x);
  for (const one of o.series) {
    let path = "",
      open = false;
    one.values.forEach((value, i) => {
      const there = value != null && !Number.isNaN(value);
      if (there) path += `${open ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
      open = there;
    });
    add(svg, "path", {
      d: path,
      fill: "none",
      stroke: one.colour,
      "stroke-width": one.dash ? 1.5 : 2,
      "stroke-dasharray": one.dash ?? "",
    });
    if (one.values.length === 1 && one.values[0] != null)
      add(svg, "circle", { cx: x(0), cy: y(one.values[0]), r: 3, fill: one.colour });
  }
  const marker = add(svg, "line", { class: "marker", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  const put = (i, line = marker) => {
    line.setAttribute("x1", x(i));
    line.setAttribute("x2", x(i));
    line.setAttribute("visibility", i < 0 ? "hidden" : "visible");
  };
  if (o.marker != null) put(o.marker);

  const key = made("ul", "legend"),
    read = made("li", "readout");
  for (const one of o.series) {
    const item = made("span"),
      dot = made("i");
    dot.style.cssText = one.dash
      ? `height: 0; border-radius: 0; width: 14px; background: none; border-top: 2px dashed ${one.colour}`
      : `background: ${one.colour}`;
    item.append(dot, one.name);
    const line = made("li");
    line.append(item);
    key.append(line);
  }
  key.append(read);
  let here = o.marker ?? -1;
  const at = (i) => {
    here = Math.min(n - 1, Math.max(0, i));
    put(here);
    read.textContent = o.say(here);
  };
  const leave = () => {
    here = o.marker ?? -1;
    put(here);
    read.textContent = "";
  };
  svg.addEventListener("pointermove", (event) =>
    at(Math.round(((event.clientX - svg.getBoundingClientRect().left - LEFT) / (width - LEFT - RIGHT)) * (n - 1))),
  );
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    at(here + way);
    o.step?.(here);
  });
  if (o.step) svg.addEventListener("pointerdown", () => o.step(here));
  box.replaceChildren(svg, key);
  return { mark: (i) => put((here = o.marker = i)) };
}

// Round numbers for an upright axis from low to high.
function ticks(low, high) {
  const step = [0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000].find((one) => (high - low) / one <= 5) ?? 1e4;
  return Array.from({ length: Math.floor((high - low) / step + 1e-9) + 1 }, (_, i) => low + i * step);
}
