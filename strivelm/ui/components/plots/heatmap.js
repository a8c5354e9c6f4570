// A heat map on a canvas: names of rows and columns along its edges where there is room, and a crosshair that the
// pointer, the arrow keys, Home and End move.
//
// heatMap(canvas, o) gives { draw, picture, point, cell }. In `o`, what is not marked as optional has to be there:
//   rows(), cols()      how many; draw() does nothing while there are none
//   value(i, j)         a number; NaN where nothing is
//   ramp                "sequential" or "diverging"
//   shade(value)        (optional) where on the ramp a value lies: 0 to 1, of "diverging" -1 to 1; the value itself
//   nothing             (optional) [r, g, b, alpha] of what is NaN; a faint grey
//   side(width)         (optional) how large the map is in a place so wide; at most 560
//   largest             (optional) the most pixels of a cell; 34
//   cell                (optional) the pixels of a cell, whatever room there is; scrolled() are then the pixels of
//                       columns that lie to the left of what is drawn
//   gap                 (optional) pixels between cells; 0
//   row(i), col(j)      (optional) their names; without, there is no edge for them
//   every()             (optional) names at each n-th only
//   axes()              (optional) { rows, cols }: what the rows and the columns are, written beside their names
//   strip(i)            (optional) a colour beside row i and column i, of a square map
//   head(), foot()      (optional) pixels kept above and below; above(drawn, plan), below(drawn, plan) draw there
//   write(i, j)         (optional) a text in a cell, in black or white as is read better
//   over(drawn, plan)   (optional) draws over the cells; plan: { left, top, cell, from, to, x(j), y(i), … }
//   triangle            (optional) whether above the diagonal nothing is, where the crosshair then doesn't go
//   lines()             (optional) the colours of the crosshair's row and column
//   point(i, j)         (optional) hears where the crosshair is; (-1, -1) when the pointer left, if `leaves`
//   press(i, j)         (optional) a click, a tap, Enter, or the space bar
//   label()             (optional) what a screen reader says of the map
// draw() draws all; point(i, j) moves the crosshair without calling o.point, -1 for no row or no column;
// picture({ title, note }) is a canvas to save; cell is where the crosshair is.
//
// heatImage({ rows, cols, shade, ramp, nothing, triangle }, canvas) is the map alone, a pixel a cell: shade(i, j) is a
// place on the ramp, and is not asked for above the diagonal of a triangle; for a triangle of many cells there may be
// bytes(i) in its place, the whole row as bytes, 255 for 1. scaleBar(o) is the scale that goes with a map.
// inkOn([r, g, b]) is what text is read in on a ground.
import { make } from "../common/elements.js";
import { css, context, pointed } from "../common/drawing.js";
import { colour, ramp } from "../common/colour.js";
import { picture } from "./picture.js";

const NAMES = 24; // pixels of an edge with names
const AXIS = 20; // of what an axis is called
const STRIP = 5;
const LEAST = 120; // pixels of a place in which a picture can be laid out
const NOTHING = [127, 127, 127, 40];
const MOVES = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

// Which of the 256 colours of a ramp stands for a place on it.
const stepOf = (name, t) => Math.round(255 * Math.min(1, Math.max(0, name === "diverging" ? (t + 1) / 2 : t)));

function heatImage(o, canvas = document.createElement("canvas")) {
  const { rows, cols, shade, bytes, triangle = false } = o;
  const word = ([r, g, b, a = 255]) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
  const words = Uint32Array.from(ramp(o.ramp), word);
  const empty = word(o.nothing ?? NOTHING);
  [canvas.width, canvas.height] = [cols, rows];
  const drawn = canvas.getContext("2d");
  const image = drawn.createImageData(cols, rows);
  const into = new Uint32Array(image.data.buffer).fill(empty);
  for (let i = 0; i < rows; i++) {
    const [start, end] = [i * cols, triangle ? Math.min(cols, i + 1) : cols];
    const row = bytes?.(i);
    for (let j = 0; row && j < end; j++) into[start + j] = words[row[j]];
    for (let j = 0; !row && j < end; j++) {
      const t = shade(i, j);
      if (!Number.isNaN(t)) into[start + j] = words[stepOf(o.ramp, t)];
    }
  }
  drawn.putImageData(image, 0, 0);
  return canvas;
}

// Black or white, whichever is read better on a ground [r, g, b] (relative luminance of WCAG 2).
function inkOn([r, g, b]) {
  const [R, G, B] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * R + 0.7152 * G + 0.0722 * B > 0.179 ? "#000000" : "#ffffff";
}

function heatMap(canvas, o) {
  const found = { draw, picture: save, point, cell: [-1, -1] };
  const shade = o.shade ?? ((value) => value);
  let plan = null;
  let image = null;

  function planned(width) {
    const [rows, cols, head, foot] = [o.rows(), o.cols(), o.head?.() ?? 0, o.foot?.() ?? 0];
    const strip = o.strip ? STRIP : 0;
    const axis = o.axes ? AXIS : 0;
    const left = (o.row ? NAMES : 0) + strip + axis;
    const top = (o.col ? NAMES : 0) + strip + head + axis;
    const cell = o.cell ?? sized((width - left - 2) / Math.max(rows, cols), o.largest ?? 34);
    const full = o.cell ? Math.min(width, left + cell * cols + 2) : left + cell * cols + 2;
    const scrolled = o.cell ? (o.scrolled?.() ?? 0) : 0;
    const from = Math.max(0, Math.floor(scrolled / cell));
    const to = Math.min(cols, Math.ceil((scrolled + full - left) / cell));
    const [x, y] = [(j) => left + j * cell - scrolled, (i) => top + i * cell];
    const edge = top - strip - NAMES; // above the names of columns
    return {
      rows,
      cols,
      left,
      top,
      edge,
      strip,
      cell,
      from,
      to,
      x,
      y,
      width: full,
      height: top + cell * rows + foot + 2,
    };
  }

  // Whole pixels of the screen, where there are enough: else stripes appear that are not in the numbers.
  function sized(room, largest) {
    const dots = window.devicePixelRatio || 1;
    const cell = Math.max(0.25, Math.min(largest, room));
    return cell * dots >= 1 ? Math.floor(cell * dots) / dots : cell;
  }

  function paint(drawn) {
    const { rows, cols, x, y, cell } = plan;
    drawn.fillStyle = css("--background-fill-primary");
    drawn.fillRect(0, 0, plan.width, plan.height);
    drawn.imageSmoothingEnabled = cell * (window.devicePixelRatio || 1) < 1;
    if (o.gap || o.write) paintCells(drawn);
    else drawn.drawImage(image, x(0), y(0), cell * cols, cell * rows);
    paintStrip(drawn);
    o.above?.(drawn, plan);
    o.below?.(drawn, plan);
    if (o.row)
      paintNames(
        drawn,
        rows,
        found.cell[0],
        o.row,
        () => plan.left - plan.strip - NAMES / 2 + 2,
        (i) => y(i + 0.5),
      );
    if (o.col)
      paintNames(
        drawn,
        cols,
        found.cell[1],
        o.col,
        (j) => x(j + 0.5),
        () => plan.edge + NAMES / 2 + 2,
      );
    paintAxes(drawn);
    o.over?.(drawn, plan);
    paintCrosshair(drawn);
  }

  function paintAxes(drawn) {
    if (!o.axes) return;
    const { rows, cols } = o.axes();
    const middle = (count) => (count * plan.cell) / 2;
    drawn.font = `400 13px ${css("--font") || "sans-serif"}`;
    drawn.fillStyle = css("--body-text-color");
    drawn.textAlign = "center";
    drawn.textBaseline = "middle";
    drawn.fillText(cols, plan.x(0) + middle(plan.cols), plan.edge - AXIS / 2 + 2, plan.cols * plan.cell);
    drawn.save();
    drawn.translate(AXIS / 2, plan.y(0) + middle(plan.rows));
    drawn.rotate(-Math.PI / 2);
    drawn.fillText(rows, 0, 0, plan.rows * plan.cell);
    drawn.restore();
  }

  function paintCells(drawn) {
    const { rows, from, to, x, y, cell } = plan;
    const colours = ramp(o.ramp);
    const side = cell - (o.gap ?? 0);
    drawn.textAlign = "center";
    drawn.textBaseline = "middle";
    for (let i = 0; i < rows; i++)
      for (let j = from; j < to; j++) {
        const t = shade(o.value(i, j));
        const ground = Number.isNaN(t) ? null : colours[stepOf(o.ramp, t)];
        drawn.fillStyle = ground ? `rgb(${ground.join(" ")})` : `rgb(127 127 127 / ${NOTHING[3] / 255})`;
        drawn.fillRect(x(j), y(i), side, side);
        const text = o.write?.(i, j);
        if (!text) continue;
        drawn.font = `${text.length > 1 ? 7 : Math.min(15, cell * 0.65)}px ${css("--font-mono") || "monospace"}`;
        drawn.fillStyle = ground ? inkOn(ground) : css("--body-text-color");
        drawn.fillText(text, x(j) + side / 2, y(i) + cell / 2);
      }
  }

  function paintStrip(drawn) {
    const { left, top, x, y, cell } = plan;
    for (let i = 0; o.strip && i < plan.rows; i++) {
      drawn.fillStyle = o.strip(i);
      drawn.fillRect(left - STRIP, y(i), STRIP - 1, cell + 0.3);
      drawn.fillRect(x(i), top - STRIP, cell + 0.3, STRIP - 1);
    }
  }

  // As many names as can be read, that of the crosshair always.
  function paintNames(drawn, count, chosen, name, x, y) {
    const { cell } = plan;
    const apart = o.every?.() ?? (cell >= 9 ? 1 : 0);
    const mono = css("--font-mono") || "monospace";
    drawn.textAlign = "center";
    drawn.textBaseline = "middle";
    for (let i = 0; i < count; i++) {
      const here = i === chosen;
      const covered = chosen >= 0 && Math.abs(i - chosen) * cell < 13 && name(i).length * 8 > cell;
      if (!here && (!apart || i % apart || covered)) continue;
      drawn.font = `${here ? 700 : 400} ${here ? 14 : o.every && cell < 11 ? Math.min(11, Math.max(9, cell + 1.5)) : Math.min(13, Math.max(10, cell))}px ${mono}`;
      drawn.fillStyle = css(here ? "--body-text-color" : "--body-text-color-subdued");
      drawn.fillText(name(i), x(i), y(i), NAMES - 2);
    }
  }

  function paintCrosshair(drawn) {
    const { rows, cols, x, y, cell } = plan;
    const [i, j] = found.cell;
    const [ofRow, ofColumn] = o.lines?.() ?? Array(2).fill(css("--body-text-color"));
    drawn.lineWidth = o.lines ? 1.5 : 1;
    drawn.strokeStyle = ofRow;
    if (i >= 0) drawn.strokeRect(x(0) - 0.5, y(i) - 0.5, cell * (o.triangle ? i + 1 : cols) + 1, cell + 1);
    const first = o.triangle ? j : 0;
    drawn.strokeStyle = ofColumn;
    if (j >= 0) drawn.strokeRect(x(j) - 0.5, y(first) - 0.5, cell + 1, cell * (rows - first) + 1);
  }

  function draw() {
    if (prepare(canvas.parentElement.clientWidth)) repaint();
  }

  // Lays the map out in so much room; false where there is none, or nothing to draw.
  function prepare(room) {
    const width = room && (o.side?.(room) ?? Math.min(room, 560));
    if (!width || !o.rows()) return false;
    plan = planned(width);
    const { rows, cols } = plan;
    const of = { rows, cols, ramp: o.ramp, nothing: o.nothing, triangle: o.triangle };
    if (!o.gap && !o.write) image = heatImage({ ...of, shade: (i, j) => shade(o.value(i, j)) });
    return true;
  }

  function repaint() {
    if (!plan) return;
    paint(context(canvas, plan.width, plan.height));
    if (o.label) canvas.setAttribute("aria-label", o.label());
  }

  // What is saved is laid out anew: the place may have been out of sight, or narrow, as it was last drawn.
  function save(titles) {
    const room = canvas.parentElement.clientWidth;
    prepare(room >= LEAST ? room : 640);
    return picture(plan.width, plan.height, paint, titles);
  }

  function point(i, j) {
    if (found.cell[0] === i && found.cell[1] === j) return;
    found.cell = [i, j];
    repaint();
  }

  const move = (i, j) => (point(i, j), o.point?.(i, j));

  // The cell under the pointer; the edges with the names count as the first row and column.
  function under(event) {
    const [x, y] = pointed(event, canvas);
    const j = Math.floor((x - plan.x(0)) / plan.cell);
    const i = Math.floor((y - plan.y(0)) / plan.cell);
    const outside = i < -3 || j < -3 || i >= plan.rows || j >= plan.cols || (o.triangle && j > Math.max(0, i));
    return outside ? null : [Math.max(0, i), Math.max(0, j)];
  }

  function hover(event) {
    const cell = plan && under(event);
    if (cell) move(...cell);
    else if (o.leaves) move(-1, -1);
  }

  function key(event) {
    if (!plan) return;
    const [i, j] = found.cell;
    if (["Enter", " "].includes(event.key) && o.press && i >= 0) {
      event.preventDefault();
      return o.press(i, j);
    }
    if (event.key === "Escape" && o.leaves) return move(-1, -1);
    const way = MOVES[event.key];
    if (!way) return;
    event.preventDefault();
    const row = Math.min(plan.rows - 1, Math.max(0, i < 0 ? 0 : i + way[0]));
    move(row, Math.min((o.triangle ? row + 1 : plan.cols) - 1, Math.max(0, i < 0 ? 0 : j + way[1])));
  }

  canvas.setAttribute("role", "img");
  if (!o.point) return found;
  canvas.tabIndex = 0;
  canvas.addEventListener("pointermove", hover);
  canvas.addEventListener("pointerdown", hover);
  canvas.addEventListener("click", (event) => {
    const cell = plan && under(event);
    if (cell) o.press?.(...cell);
  });
  canvas.addEventListener("keydown", key);
  if (o.leaves) for (const event of ["pointerleave", "blur"]) canvas.addEventListener(event, () => move(-1, -1));
  return found;
}

// A strip of colours with what they mean.
//   ramp or colour(t)    a ramp's name, or the colour at a place; t runs from 0 to 1, of "diverging" from -1 to 1
//   ticks                [[t, text], …] under the strip; with two, at its ends, they stand beside it
//   what                 what the colours stand for    width: in pixels; 160
function scaleBar({ ramp: name = "sequential", colour: of = (t) => colour(name, t), ticks, what = "", width = 160 }) {
  const least = name === "diverging" ? -1 : 0;
  const box = make("span", "strivelm-scale");
  const bar = make("span", "strivelm-scale-bar");
  const canvas = make("canvas", "", "", { ariaHidden: "true" });
  const drawn = context(canvas, width, 10);
  for (let x = 0; x < width; x++) {
    drawn.fillStyle = of(least + ((1 - least) * x) / (width - 1));
    drawn.fillRect(x, 0, 1.5, 10);
  }
  bar.append(canvas);
  bar.style.width = `${width}px`;
  if (what) box.append(make("span", "", what));
  if (ticks.length === 2) {
    box.append(make("span", "", ticks[0][1]), bar, make("span", "", ticks[1][1]));
    return box;
  }
  bar.classList.add("ticked");
  for (const [t, text] of ticks) {
    const tick = make("span", "", text);
    tick.style.left = `${(100 * (t - least)) / (1 - least)}%`;
    bar.append(tick);
  }
  box.append(bar);
  return box;
}

export { heatMap, heatImage, scaleBar, inkOn };
