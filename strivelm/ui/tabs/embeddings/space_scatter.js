// A map of points on a canvas, flat or turning: all points are drawn, their names only where there is room.
//
// What the caller gives in `o`: size() points at at(i) = [x, y, z]; three() whether the third counts; colour(i),
// radius(i) in pixels, name(i), faded(i), order the points by who is named first, axes() the names of the axes,
// faint whether those keep their names, halo whether names have one, edges() = [i, j, colour, width] lines, marked() = the points with a ring; pick(i, pinned) hears what is pointed at
// (-1: nothing). It gets back draw(), reset(), zoom(f), picture() and places, the pixels where points are.
function scatter(canvas, o) {
  const usual = { yaw: 0.5, pitch: 0.35, zoom: 1, x: 0, y: 0 };
  const look = { ...usual };
  const found = { draw, reset, zoom, picture, look, places: [] };
  const EDGE = 34,
    NEAR = 26;
  let pinned = -1,
    drag = null,
    mono = "monospace";

  // Where points are on a picture of this size: pixels, and how far in front (0 in flat maps).
  function placed(width, height) {
    const n = o.size(),
      three = o.three();
    const low = [Infinity, Infinity, Infinity],
      high = low.map((x) => -x);
    const points = Array.from({ length: n }, (_, i) => o.at(i));
    for (const p of points)
      for (let k = 0; k < 3; k++) ((low[k] = Math.min(low[k], p[k])), (high[k] = Math.max(high[k], p[k])));
    const middle = low.map((x, k) => (x + high[k]) / 2);
    const [w, h] = [width - 2 * EDGE, height - 2 * EDGE];
    let size = Math.min(w / (high[0] - low[0] || 1), h / (high[1] - low[1] || 1));
    // Few points lie in the outermost corners, so that a turning map may be larger than what surely fits.
    if (three)
      size =
        (1.25 * Math.min(w, h)) /
        2 /
        (Math.max(...points.map((p) => Math.hypot(...p.map((x, k) => x - middle[k])))) || 1);
    size *= look.zoom;
    const [cy, sy, cp, sp] = [Math.cos(look.yaw), Math.sin(look.yaw), Math.cos(look.pitch), Math.sin(look.pitch)];
    const place = (p) => {
      let [x, y, z] = p.map((c, k) => c - middle[k]);
      if (three) {
        [x, z] = [x * cy + z * sy, z * cy - x * sy];
        [y, z] = [y * cp - z * sp, z * cp + y * sp];
      } else z = 0;
      return [width / 2 + x * size + look.x, height / 2 - y * size + look.y, three ? (z * size) / Math.min(w, h) : 0];
    };
    return { places: points.map(place), place, low, high };
  }

  function paint(drawn, width, height) {
    const { places, place, low, high } = placed(width, height);
    mono = strivelm.css("--font-mono");
    const ink = strivelm.css("--body-text-color"),
      quiet = strivelm.css("--body-text-color-subdued"),
      line = strivelm.css("--border-color-primary");
    const ground = strivelm.css("--background-fill-primary");
    drawn.fillStyle = ground;
    drawn.fillRect(0, 0, width, height);
    const ends = axes(drawn, place, low, high, line);
    for (const [i, j, colour, thick, dash = []] of o.edges()) {
      drawn.beginPath();
      drawn.setLineDash(dash);
      drawn.moveTo(places[i][0], places[i][1]);
      drawn.lineTo(places[j][0], places[j][1]);
      drawn.strokeStyle = colour;
      drawn.lineWidth = thick;
      drawn.stroke();
    }
    drawn.setLineDash([]);
    const marked = new Set(o.marked()),
      crowd = places.length > 1000;
    const named = names(drawn, places, marked, width, height);
    const inOrder = o.three() ? places.map((_, i) => i).sort((i, j) => places[i][2] - places[j][2]) : places.keys();
    for (const i of inOrder) {
      const [x, y, front] = places[i],
        near = o.three() ? 1 + 0.35 * front : 1;
      const faded = o.faded(i) && !marked.has(i);
      drawn.fillStyle = o.colour(i);
      drawn.globalAlpha = (named.has(i) ? 0.17 : crowd ? 0.35 : 0.75) * (faded ? 0.35 : 1);
      drawn.beginPath();
      drawn.arc(
        x,
        y,
        Math.max(1, (named.has(i) ? o.radius(i) : Math.min(crowd ? 2 : 4, o.radius(i) * 0.45)) * near),
        0,
        2 * Math.PI,
      );
      drawn.fill();
      drawn.globalAlpha = 1;
      if (marked.has(i)) {
        drawn.strokeStyle = ink;
        drawn.lineWidth = 1.5;
        drawn.beginPath();
        drawn.arc(x, y, o.radius(i) * near + 3, 0, 2 * Math.PI);
        drawn.stroke();
      }
      if (!named.has(i)) continue;
      drawn.font = font(i, marked.has(i));
      drawn.textAlign = "center";
      drawn.textBaseline = "middle";
      drawn.globalAlpha = faded ? 0.5 : o.three() ? Math.min(1, Math.max(0.45, 0.8 + 0.5 * front)) : 1;
      // A thin halo keeps a name apart from lines and points under it.
      drawn.strokeStyle = ground;
      drawn.lineWidth = 2.5;
      drawn.lineJoin = "round";
      if (o.halo) drawn.strokeText(o.name(i), x, y + 1);
      drawn.fillText(o.name(i), x, y + 1);
      drawn.globalAlpha = 1;
    }
    ended(drawn, ends, quiet, width, height);
    return places;
  }

  const font = (i, strong) => `700 ${strong ? 17 : Math.max(12, Math.min(16, o.radius(i) * 1.35))}px ${mono}`;

  // The points that get a name: what is marked first, then by the caller's order, where none lies over another.
  function names(drawn, places, marked, width, height) {
    const taken = [],
      named = new Set(),
      widths = {};
    drawn.font = `700 15px ${mono}`;
    for (const i of [...marked, ...o.order()]) {
      if (named.has(i)) continue;
      const [x, y] = places[i];
      if (x < 0 || y < 0 || x > width || y > height) continue;
      const half = (widths[o.name(i)] ??= drawn.measureText(o.name(i)).width) / 2 + 1;
      const box = [x - half, y - 8, x + half, y + 8];
      if (
        !marked.has(i) &&
        ((o.faded(i) && !o.faint) ||
          taken.some((b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1]))
      )
        continue;
      taken.push(box);
      named.add(i);
    }
    return named;
  }

  // Lines through nothing in all directions; gives back where they end.
  function axes(drawn, place, low, high, line) {
    drawn.lineWidth = 1;
    drawn.strokeStyle = line;
    return o.axes().map((said, k) => {
      if (k > 1 && !o.three()) return null;
      const [from, to] = [low, high].map((side) => place([0, 0, 0].map((_, c) => (c === k ? side[k] * 1.06 : 0))));
      drawn.beginPath();
      drawn.moveTo(from[0], from[1]);
      drawn.lineTo(to[0], to[1]);
      drawn.stroke();
      return [said, to];
    });
  }

  // The axes' names over everything else, on a halo.
  function ended(drawn, ends, quiet, width, height) {
    drawn.font = `400 12px ${strivelm.css("--font")}`;
    drawn.textAlign = "center";
    drawn.textBaseline = "bottom";
    drawn.lineJoin = "round";
    drawn.lineWidth = 4;
    drawn.strokeStyle = strivelm.css("--background-fill-primary");
    drawn.fillStyle = quiet;
    for (const [said, [x, y]] of ends.filter((end) => end?.[0])) {
      const half = drawn.measureText(said).width / 2;
      const place = [Math.min(width - half - 4, Math.max(half + 4, x)), Math.min(height - 2, Math.max(16, y - 4))];
      drawn.strokeText(said, ...place);
      drawn.fillText(said, ...place);
    }
  }

  const tall = (width) => Math.round(Math.min(o.tallest ?? 560, Math.max(300, width * 0.68)));

  function draw() {
    const width = canvas.parentElement.clientWidth && (o.width?.() ?? canvas.parentElement.clientWidth);
    if (!width || !o.size()) return;
    found.places = paint(strivelm.context(canvas, width, tall(width)), width, tall(width));
  }

  function picture() {
    const width = canvas.clientWidth,
      copy = document.createElement("canvas");
    paint(
      strivelm.context(copy, width, canvas.clientHeight, 2 * (window.devicePixelRatio || 1)),
      width,
      canvas.clientHeight,
    );
    return copy;
  }

  function reset() {
    Object.assign(look, usual);
    draw();
  }

  function zoom(by) {
    const next = Math.min(20, Math.max(0.5, look.zoom * by));
    look.x *= next / look.zoom;
    look.y *= next / look.zoom;
    look.zoom = next;
    draw();
  }

  function under(event) {
    const box = canvas.getBoundingClientRect();
    let best = -1,
      least = NEAR ** 2;
    found.places.forEach(([x, y], i) => {
      const far = (x - event.clientX + box.left) ** 2 + (y - event.clientY + box.top) ** 2;
      if (far < least) [best, least] = [i, far];
    });
    return best;
  }

  const pick = (i, fix) => {
    if (fix) pinned = i;
    o.pick(i, fix);
  };

  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, moved: false, ...{ from: { ...look } } };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) return pick(under(event), false);
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.moved ||= Math.hypot(dx, dy) > 4;
    if (!drag.moved) return;
    if (o.three())
      Object.assign(look, {
        yaw: drag.from.yaw + dx / 120,
        pitch: Math.min(1.57, Math.max(-1.57, drag.from.pitch + dy / 120)),
      });
    else Object.assign(look, { x: drag.from.x + dx, y: drag.from.y + dy });
    draw();
  });
  const end = (event) => {
    if (drag && !drag.moved && event.type === "pointerup") pick(under(event), true);
    drag = null;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => drag || pick(-1, false));

  // Arrow keys turn a map of three dimensions; in a flat one, or with Shift, they walk from point to point.
  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    if (way && o.three() && !event.shiftKey) {
      look.yaw += way[0] * 0.12;
      look.pitch = Math.min(1.57, Math.max(-1.57, look.pitch + way[1] * 0.12));
      draw();
    } else if (way) walk(way);
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") reset();
    else if (event.key === "Escape") pick(-1, true);
    else return;
    event.preventDefault();
  });

  function walk([right, down]) {
    const here = o.marked()[0] ?? pinned;
    if (here < 0 || here == null) return pick(o.order()[0], true);
    const [x, y] = found.places[here];
    let best = -1,
      least = Infinity;
    found.places.forEach(([px, py], i) => {
      const along = (px - x) * right + (py - y) * down,
        off = Math.abs((px - x) * down + (py - y) * right);
      if (i !== here && along > 0.5 && along + 2 * off < least) [best, least] = [i, along + 2 * off];
    });
    if (best >= 0) pick(best, true);
  }

  return found;
}

// The buttons above a map: flat or not, zoom, reset. Gives back the function that marks what is pressed.
function turning(map, is, set) {
  const buttons = [at(".two"), at(".three")];
  const mark = () => buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(is() === (i === 1))));
  buttons.forEach((one, i) => one.addEventListener("click", () => (set(i === 1), mark(), map.draw())));
  at(".in").addEventListener("click", () => map.zoom(1.3));
  at(".out").addEventListener("click", () => map.zoom(1 / 1.3));
  at(".reset").addEventListener("click", () => map.reset());
  mark();
  return mark;
}
