// A model that learns to write, as a film: the same text at each age, with a handle, and with the loss as a line.
const SECONDS = 0.9; // a picture is shown while the film plays
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const film = { of: "", picture: 0, timer: 0, begun: false }; // where it stands; it stays there when it is drawn anew

function stopFilm() {
  clearInterval(film.timer);
  film.timer = 0;
}

function drawFilm(block) {
  const box = make("div", { className: "film" });
  const of = JSON.stringify([block.prompt, block.seed]);
  if (film.of !== of) {
    stopFilm();
    Object.assign(film, { of, picture: 0, begun: false });
  }
  if (block.pictures) return fillFilm(box, block);
  box.append(make("p", { className: "unit", textContent: "Twelve models are writing…" }));
  strivelm
    .ask("learn.film", { text: block.prompt, seed: block.seed }, { of: [strivelm.chosen.model, ...block.refs] })
    .then((pictures) => {
      block.pictures = pictures;
      if (!box.isConnected) return;
      fillFilm(box, block);
      playFilm(box);
    })
    .catch((error) => box.replaceChildren(make("p", { className: "unit", textContent: error.message })));
  return box;
}

// In words first: among how many characters the model hesitates.
const unsure = ({ among, loss }) =>
  loss === null ? "not measured" : `as unsure as a choice among ${among} characters (${loss.toFixed(2)} nats)`;

function fillFilm(box, block) {
  const { pictures } = block;
  const age = make("p", { className: "age" });
  const pages = pictures.map(({ text }) =>
    make("pre", {}, make("span", { className: "prompt", textContent: block.prompt }), text),
  );
  const handle = make("input", { type: "range", min: 0, max: pictures.length - 1, step: 1 });
  handle.setAttribute("aria-label", "Age of the model");
  const button = make("button", { type: "button", className: "strivelm-tool" });
  const line = lossLine(pictures);

  function turn(i) {
    film.picture = i;
    const one = pictures[i];
    const years = make("b", { textContent: `After ${one.step.toLocaleString("en")} steps of training` });
    age.replaceChildren(years, `: ${unsure(one)}`);
    pages.forEach((page, k) => (page.style.visibility = k === i ? "" : "hidden"));
    handle.value = i;
    handle.setAttribute("aria-valuetext", `${years.textContent}: ${unsure(one)}`);
    line.mark(i);
    const playing = film.timer !== 0;
    button.textContent = playing ? "❚❚ Pause" : "▶ Play";
  }

  // From the last picture it begins anew.
  function play() {
    stopFilm();
    film.begun = true;
    const start = film.picture === pictures.length - 1 ? 0 : film.picture;
    film.timer = setInterval(() => {
      if (!box.isConnected) return stopFilm();
      if (film.picture + 1 >= pictures.length - 1) stopFilm();
      turn(Math.min(film.picture + 1, pictures.length - 1));
    }, 1000 * SECONDS);
    turn(start);
  }

  function pause() {
    stopFilm();
    turn(film.picture);
  }

  button.addEventListener("click", () => (film.timer ? pause() : play()));
  handle.addEventListener("input", () => {
    film.begun = true;
    film.picture = Number(handle.value);
    pause();
  });
  box.replaceChildren(
    age,
    make("div", { className: "pages" }, ...pages),
    make("div", { className: "reel" }, button, handle),
    line.element,
    make("p", { className: "unit", textContent: line.says }),
  );
  box.play = play;
  turn(film.picture);
  if (film.timer) play(); // drawn anew while it plays
  return box;
}

// Plays by itself once, when it can be seen; never where the reader's machine asks for little motion.
function playFilm(box = at(".film")) {
  if (box?.play && !film.begun && !calm.matches && strivelm.inPage() && !element.dataset.asking) box.play();
}

const drawn = (tag, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

// The loss of each picture as a line with a dot at the one that is shown.
function lossLine(pictures) {
  const [width, height] = [300, 56];
  const most = Math.max(1e-12, ...pictures.map(({ loss }) => loss ?? 0));
  const x = (i) => 6 + ((width - 12) * i) / Math.max(1, pictures.length - 1);
  const y = (loss) => height - 6 - ((height - 12) * loss) / most;
  const measured = pictures.map(({ loss }, i) => [i, loss]).filter(([, loss]) => loss !== null);
  const element = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", preserveAspectRatio: "none" });
  const dot = drawn("line", { y1: 0, y2: height, class: "here" });
  const points = measured.map(([i, loss]) => `${x(i)},${y(loss)}`).join(" ");
  element.append(drawn("polyline", { points, class: "loss" }), dot);
  const ends = measured.length ? [measured[0][1], measured.at(-1)[1]].map((loss) => loss.toFixed(2)) : [];
  const says = ends.length ? `The line is the loss: ${ends[0]} nats at first, ${ends[1]} at the end` : "";
  element.setAttribute("aria-label", says || "The losses were not measured");
  const mark = (i) => {
    for (const name of ["x1", "x2"]) dot.setAttribute(name, x(i));
  };
  return { element, mark, says };
}

drawers.film = drawFilm;
