// A heat map on a canvas, with the names of rows and columns along its edges where there is room, and a crosshair.
//
// What the caller gives in `o`: rows(), cols(), value(i, j) (NaN: nothing there), ramp, shade(value) from 0 to 1 (of
// "diverging" from -1 to 1), row(i) and col(j) their names, strip(i) a colour beside each row and column (optional),
// side(width) how large, above(drawn, x, y, cell) draws above the columns in `head` pixels (optional), point(i, j)
// hears where the crosshair is (-1: nowhere). It gets back draw(), picture(), point(i, j) and cell.
function heat(canvas, o) {
  const found = { draw, picture, point, cell: [-1, -1], image: null };
  const LABELS = 24,
    STRIP = 5;
  let plan = null;

  function planned(width) {
    const rows = o.rows(),
      cols = o.cols(),
      head = o.head?.() ?? 0;
    const left = LABELS + (o.strip ? STRIP : 0);
    // Whole pixels of the screen, where there are enough: else stripes appear that are not in the numbers.
    const dots = window.devicePixelRatio || 1,
      room = Math.max(0.25, Math.min(34, (width - left - 2) / Math.max(rows, cols)));
    const cell = room * dots >= 1 ? Math.floor(room * dots) / dots : room;
    return {
      rows,
      cols,
      left,
      top: left + head,
      head,
      cell,
      width: left + cell * cols + 2,
      height: left + head + cell * rows + 2,
    };
  }

  // One pixel for each cell, enlarged when it is drawn.
  function image() {
    const { rows, cols } = plan,
      ramp = strivelm.ramp(o.ramp),
      nothing = [127, 127, 127, 40];
    const small = document.createElement("canvas");
    [small.width, small.height] = [cols, rows];
    const drawn = small.getContext("2d"),
      data = drawn.createImageData(cols, rows);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < cols; j++) {
        const t = o.shade(o.value(i, j)),
          share = o.ramp === "diverging" ? (t + 1) / 2 : t;
        const rgba = Number.isNaN(t) ? nothing : [...ramp[Math.round(255 * Math.min(1, Math.max(0, share)))], 255];
        data.data.set(rgba, 4 * (i * cols + j));
      }
    drawn.putImageData(data, 0, 0);
    return small;
  }

  function paint(drawn) {
    const { rows, cols, left, top, head, cell } = plan,
      [ci, cj] = found.cell;
    const ink = strivelm.css("--body-text-color"),
      quiet = strivelm.css("--body-text-color-subdued"),
      mono = strivelm.css("--font-mono");
    drawn.fillStyle = strivelm.css("--background-fill-primary");
    drawn.fillRect(0, 0, plan.width, plan.height);
    drawn.imageSmoothingEnabled = false;
    drawn.drawImage(found.image, left, top, cell * cols, cell * rows);
    for (let i = 0; o.strip && i < rows; i++) {
      drawn.fillStyle = o.strip(i);
      drawn.fillRect(left - STRIP, top + i * cell, STRIP - 1, cell + 0.3);
      drawn.fillRect(left + i * cell, top - STRIP, cell + 0.3, STRIP - 1);
    }
    o.above?.(drawn, left, top - (o.strip ? STRIP : 0) - LABELS, cell);
    drawn.textAlign = "center";
    drawn.textBaseline = "middle";
    const beside = left - (o.strip ? STRIP : 0) - LABELS / 2 + 2,
      over = top - (o.strip ? STRIP : 0) - LABELS / 2 + 2;
    const every = o.every ?? (cell >= 9 ? 1 : 0);
    for (const [n, chosen, name, x, y] of [
      [rows, ci, o.row, () => beside, (i) => top + (i + 0.5) * cell],
      [cols, cj, o.col, (j) => left + (j + 0.5) * cell, () => over],
    ])
      for (let i = 0; i < n; i++) {
        const here = i === chosen;
        if (
          !here &&
          (!every || i % every || (chosen >= 0 && Math.abs(i - chosen) * cell < 13 && name(i).length * 8 > cell))
        )
          continue;
        drawn.font = `${here ? 700 : 400} ${here ? 14 : o.every ? 11 : Math.min(13, Math.max(10, cell))}px ${mono}`;
        drawn.fillStyle = here ? ink : quiet;
        drawn.fillText(name(i), x(i), y(i), LABELS - 2);
      }
    if (ci < 0) return;
    drawn.strokeStyle = ink;
    drawn.lineWidth = 1;
    drawn.strokeRect(left - 0.5, top + ci * cell - 0.5, cell * cols + 1, cell + 1);
    drawn.strokeRect(left + cj * cell - 0.5, top - 0.5, cell + 1, cell * rows + 1);
  }

  function draw() {
    const width = o.side(canvas.parentElement.clientWidth);
    if (!width || !o.rows()) return;
    plan = planned(width);
    found.image = image();
    paint(strivelm.context(canvas, plan.width, plan.height));
  }

  function picture() {
    const copy = document.createElement("canvas");
    paint(strivelm.context(copy, plan.width, plan.height, 2 * (window.devicePixelRatio || 1)));
    return copy;
  }

  // Moves the crosshair without telling the caller, who may move several.
  function point(i, j) {
    if (found.cell[0] === i && found.cell[1] === j) return;
    found.cell = [i, j];
    if (plan && found.image) paint(strivelm.context(canvas, plan.width, plan.height));
  }

  const say = (i, j) => (point(i, j), o.point(i, j));

  function hovered(event) {
    if (!plan) return;
    const box = canvas.getBoundingClientRect();
    const j = Math.floor((event.clientX - box.left - plan.left) / plan.cell),
      i = Math.floor((event.clientY - box.top - plan.top) / plan.cell);
    if (i >= -3 && j >= -3 && i < plan.rows && j < plan.cols) say(Math.max(0, i), Math.max(0, j));
  }
  canvas.addEventListener("pointermove", hovered);
  canvas.addEventListener("pointerdown", hovered);

  const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  canvas.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    if (!way || !plan) return;
    event.preventDefault();
    const [i, j] = found.cell[0] < 0 ? [0, 0] : found.cell.map((x, k) => x + way[k]);
    say(Math.min(plan.rows - 1, Math.max(0, i)), Math.min(plan.cols - 1, Math.max(0, j)));
  });

  return found;
}
