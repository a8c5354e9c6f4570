// A map of points on a canvas, flat or turning: all points are drawn, their names only where there is room.
//
// scatter(canvas, o) gives { draw, reset, zoom, picture, places, look }. In `o`, what is not marked as optional has to
// be there:
//   size()          how many points; draw() does nothing while there are none
//   at(i)           [x, y, z] of a point, in any unit
//   name(i)         what it is called, a glyph or two
//   colour(i)       as CSS has it
//   three()         (optional) whether the third dimension counts: the map turns
//   radius(i)       (optional) in pixels; 8
//   order()         (optional) the points by who is named first; as they come
//   faded(i)        (optional) whether a point stands back; faint: (optional) whether those keep their names
//   marked()        (optional) the points with a ring
//   edges()         (optional) lines [i, j, colour, width, dash]
//   axes()          (optional) the names of the axes through 0, "" for one without a name
//   halo            (optional) whether names have a rim in the ground's colour, to be read over lines
//   width(), tallest (optional) the width in pixels, that of the place if left; the most height, 560
//   ratio           (optional) the height as a share of the width; 0.68
//   pick(i, pinned) (optional) hears which point is pointed at, -1 for none; pinned: by a click, a tap, or a key
//   label()         (optional) what a screen reader says of the map
// draw() draws all; zoom(factor) and reset() change how it is looked at (`look`); picture({ title, note }) is a canvas
// to save; places are the pixels [x, y, how far in front] of the points, named the set of those with a name, lines the
// axes' [name, from, to].
//
// project(points, { look, three, width, height }) is what computes them.
import { css, context, pointed } from "../common/drawing.js";
import { picture } from "./picture.js";

const EDGE = 34; // pixels around the points
const NEAR = 26; // how near the pointer has to be to a point
const USUAL = { yaw: 0.5, pitch: 0.35, zoom: 1, x: 0, y: 0 };
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ENDS = [0, 1, 2];

// Where points are on a picture of a size: [x, y, how far in front (0 in flat maps)] of each, in pixels; place(point)
// does the same for any point, and low and high are where points end along each axis.
function project(points, { look = USUAL, three = false, width, height }) {
  const low = ENDS.map((k) => points.reduce((found, point) => Math.min(found, point[k]), Infinity));
  const high = ENDS.map((k) => points.reduce((found, point) => Math.max(found, point[k]), -Infinity));
  const middle = low.map((x, k) => (x + high[k]) / 2);
  const [w, h] = [width - 2 * EDGE, height - 2 * EDGE];
  const far = points.reduce((most, point) => Math.max(most, Math.hypot(...point.map((x, k) => x - middle[k]))), 0);
  // Few points lie in the outermost corners, so that a turning map may be larger than what surely fits.
  const fits = three
    ? (1.25 * Math.min(w, h)) / 2 / (far || 1)
    : Math.min(w / (high[0] - low[0] || 1), h / (high[1] - low[1] || 1));
  const size = fits * look.zoom;
  const [cosYaw, sinYaw] = [Math.cos(look.yaw), Math.sin(look.yaw)];
  const [cosPitch, sinPitch] = [Math.cos(look.pitch), Math.sin(look.pitch)];
  const place = (point) => {
    let [x, y, z] = point.map((c, k) => c - middle[k]);
    if (three) {
      [x, z] = [x * cosYaw + z * sinYaw, z * cosYaw - x * sinYaw];
      [y, z] = [y * cosPitch - z * sinPitch, z * cosPitch + y * sinPitch];
    } else z = 0;
    return [width / 2 + x * size + look.x, height / 2 - y * size + look.y, three ? (z * size) / Math.min(w, h) : 0];
  };
  return { places: points.map(place), place, low, high };
}

function scatter(canvas, given) {
  const o = {
    three: () => false,
    radius: () => 8,
    order: () => Array.from({ length: given.size() }, (_, i) => i),
    faded: () => false,
    marked: () => [],
    edges: () => [],
    axes: () => [],
    ...given,
  };
  const look = { ...USUAL };
  const found = { draw, reset, zoom, picture: save, look, places: [], named: new Set(), lines: [] };
  let pinned = -1;
  let drag = null;
  let mono = "monospace";

  function paint(drawn, width, height) {
    const points = Array.from({ length: o.size() }, (_, i) => o.at(i));
    const { places, place, low, high } = project(points, { look, three: o.three(), width, height });
    mono = css("--font-mono") || "monospace";
    drawn.fillStyle = css("--background-fill-primary");
    drawn.fillRect(0, 0, width, height);
    const ends = paintAxes(drawn, place, low, high);
    paintEdges(drawn, places);
    const marked = new Set(o.marked());
    const named = (found.named = chosenNames(drawn, places, marked, width, height));
    const all = places.map((_, i) => i);
    if (o.three()) all.sort((i, j) => places[i][2] - places[j][2]);
    for (const i of all) {
      paintPoint(drawn, i, places, marked.has(i), named.has(i));
      if (named.has(i)) paintName(drawn, i, places[i], marked.has(i));
    }
    paintAxisNames(drawn, ends, width, height);
    return places;
  }

  function paintEdges(drawn, places) {
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
  }

  const back = (i, marked) => o.faded(i) && !marked;

  function paintPoint(drawn, i, places, marked, named) {
    const [x, y, front] = places[i];
    const near = o.three() ? 1 + 0.35 * front : 1;
    const crowd = places.length > 1000;
    const radius = named ? o.radius(i) : Math.min(crowd ? 2 : 4, o.radius(i) * 0.45);
    drawn.fillStyle = o.colour(i);
    drawn.globalAlpha = (named ? 0.17 : crowd ? 0.35 : 0.75) * (back(i, marked) ? 0.35 : 1);
    drawn.beginPath();
    drawn.arc(x, y, Math.max(1, radius * near), 0, 2 * Math.PI);
    drawn.fill();
    drawn.globalAlpha = 1;
    if (!marked) return;
    drawn.strokeStyle = css("--body-text-color");
    drawn.lineWidth = 1.5;
    drawn.beginPath();
    drawn.arc(x, y, o.radius(i) * near + 3, 0, 2 * Math.PI);
    drawn.stroke();
  }

  function paintName(drawn, i, [x, y, front], marked) {
    drawn.font = `700 ${marked ? 17 : Math.max(12, Math.min(16, o.radius(i) * 1.35))}px ${mono}`;
    drawn.textAlign = "center";
    drawn.textBaseline = "middle";
    drawn.globalAlpha = back(i, marked) ? 0.5 : o.three() ? Math.min(1, Math.max(0.45, 0.8 + 0.5 * front)) : 1;
    drawn.strokeStyle = css("--background-fill-primary");
    drawn.lineWidth = 2.5;
    drawn.lineJoin = "round";
    if (o.halo) drawn.strokeText(o.name(i), x, y + 1);
    drawn.fillStyle = o.colour(i);
    drawn.fillText(o.name(i), x, y + 1);
    drawn.globalAlpha = 1;
  }

  // The points that get a name: what is marked first, then by the caller's order, where none lies over another.
  function chosenNames(drawn, places, marked, width, height) {
    const taken = [];
    const named = new Set();
    const widths = {};
    drawn.font = `700 15px ${mono}`;
    const covers = (a) => taken.some((b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1]);
    for (const i of [...marked, ...o.order()]) {
      const [x, y] = places[i];
      if (named.has(i) || x < 0 || y < 0 || x > width || y > height) continue;
      const half = (widths[o.name(i)] ??= drawn.measureText(o.name(i)).width) / 2 + 1;
      const box = [x - half, y - 8, x + half, y + 8];
      if (!marked.has(i) && ((o.faded(i) && !o.faint) || covers(box))) continue;
      taken.push(box);
      named.add(i);
    }
    return named;
  }

  // Lines through 0 in all directions; gives back where they end.
  function paintAxes(drawn, place, low, high) {
    drawn.lineWidth = 1;
    drawn.strokeStyle = css("--border-color-primary");
    found.lines = [];
    return o.axes().map((name, k) => {
      if (k > 1 && !o.three()) return null;
      const [from, to] = [low, high].map((side) => place(ENDS.map((c) => (c === k ? side[k] * 1.06 : 0))));
      drawn.beginPath();
      drawn.moveTo(from[0], from[1]);
      drawn.lineTo(to[0], to[1]);
      drawn.stroke();
      found.lines.push([name, from, to]);
      return [name, to];
    });
  }

  // The axes' names over everything else, on a halo.
  function paintAxisNames(drawn, ends, width, height) {
    drawn.font = `400 12px ${css("--font") || "sans-serif"}`;
    drawn.textAlign = "center";
    drawn.textBaseline = "bottom";
    drawn.lineJoin = "round";
    drawn.lineWidth = 4;
    drawn.strokeStyle = css("--background-fill-primary");
    drawn.fillStyle = css("--body-text-color-subdued");
    for (const [name, [x, y]] of ends.filter((end) => end?.[0])) {
      const half = drawn.measureText(name).width / 2;
      const place = [Math.min(width - half - 4, Math.max(half + 4, x)), Math.min(height - 2, Math.max(16, y - 4))];
      drawn.strokeText(name, ...place);
      drawn.fillText(name, ...place);
    }
  }

  const tall = (width) => Math.round(Math.min(o.tallest ?? 560, Math.max(300, width * (o.ratio ?? 0.68))));

  function draw() {
    const width = canvas.parentElement.clientWidth && (o.width?.() ?? canvas.parentElement.clientWidth);
    if (!width || !o.size()) return;
    found.places = paint(context(canvas, width, tall(width)), width, tall(width));
    if (o.label) canvas.setAttribute("aria-label", o.label());
  }

  function save(titles) {
    // The place may be out of sight, or never have been seen.
    const seen = canvas.clientWidth >= 120;
    const [width, height] = seen ? [canvas.clientWidth, canvas.clientHeight] : [720, tall(720)];
    return picture(width, height, (drawn) => paint(drawn, width, height), titles);
  }

  function reset() {
    Object.assign(look, USUAL);
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
    const [across, down] = pointed(event, canvas);
    let best = -1;
    let least = NEAR ** 2;
    found.places.forEach(([x, y], i) => {
      const far = (x - across) ** 2 + (y - down) ** 2;
      if (far < least) [best, least] = [i, far];
    });
    return best;
  }

  function pick(i, fix) {
    if (fix) pinned = i;
    o.pick?.(i, fix);
  }

  const turned = (pitch) => Math.min(1.57, Math.max(-1.57, pitch));

  function move(event) {
    if (!drag) return pick(under(event), false);
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.moved ||= Math.hypot(dx, dy) > 4;
    if (!drag.moved) return;
    const { from } = drag;
    if (o.three()) Object.assign(look, { yaw: from.yaw + dx / 120, pitch: turned(from.pitch + dy / 120) });
    else Object.assign(look, { x: from.x + dx, y: from.y + dy });
    draw();
  }

  function end(event) {
    if (drag && !drag.moved && event.type === "pointerup") pick(under(event), true);
    drag = null;
  }

  // Arrow keys turn a map of three dimensions; in a flat one, or with Shift, they walk from point to point.
  function key(event) {
    const way = MOVES[event.key];
    if (way && o.three() && !event.shiftKey) {
      Object.assign(look, { yaw: look.yaw + way[0] * 0.12, pitch: turned(look.pitch + way[1] * 0.12) });
      draw();
    } else if (way) walk(way);
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") reset();
    else if (event.key === "Escape") pick(-1, true);
    else return;
    event.preventDefault();
  }

  function walk([right, down]) {
    const here = o.marked()[0] ?? pinned;
    if (here < 0 || here >= found.places.length) return pick(o.order()[0], true);
    const [x, y] = found.places[here];
    let best = -1;
    let least = Infinity;
    found.places.forEach(([px, py], i) => {
      const along = (px - x) * right + (py - y) * down;
      const off = Math.abs((px - x) * down + (py - y) * right);
      if (i !== here && along > 0.5 && along + 2 * off < least) [best, least] = [i, along + 2 * off];
    });
    if (best >= 0) pick(best, true);
  }

  canvas.setAttribute("role", "img");
  canvas.tabIndex = 0;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, moved: false, from: { ...look } };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => drag || pick(-1, false));
  canvas.addEventListener("keydown", key);
  return found;
}

export { scatter, project };
