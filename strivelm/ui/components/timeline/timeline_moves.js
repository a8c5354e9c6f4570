// Going from step to step: one at a time, each drawn before the next is begun; of those that are passed by while one is
// drawn only the last counts. When all has come to rest, the page's components follow, and the address.
const RESTS = 400; // ms without a move after which the handle has come to rest
const PATIENCE = 500; // ms that a step may take to be drawn before another one is begun where the handle is moved
const FRAME = 10000; // the same while it plays: no step's picture is left out
const SAYS = 400; // ms after which it is said that a step is being opened

let life = null; // the timeline's value, of a model that has a life
let goal = 0; // the stop that the handle stands on
let moving = null; // the promise of a move that is on its way
let resting = 0; // the timer until the handle has come to rest
let settling = ""; // the model that the page's components are following to
let offered = false; // whether that is the model that was offered, not a step of the open one's life
let mine = ""; // the model that a move of the handle has opened last
let slow = false; // whether it is said that a step is being opened
let held = false; // whether the visitor holds the handle
let playing = 0; // the number of this playing, 0 while it doesn't play
let played = 0; // how often it has played
let took = 0; // ms that the last step took while it played
let passed = () => {}; // ends the wait for a step that is opened, as the handle has gone on
const known = new Map(); // reference → promise of its being open
const broken = new Map(); // stop → why it can't be opened

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const painted = () => Promise.race([new Promise((done) => requestAnimationFrame(() => setTimeout(done))), pause(100)]);
const refOf = (i) => life.stops[i][0];

// Which stop an open model stands on: its own, else that of its step, else the last one.
function stopOf(model) {
  const own = life.stops.findIndex(([ref]) => ref === model);
  if (own >= 0) return own;
  const step = model === life.of ? life.best : model === life.open ? life.step : null;
  const same = life.stops.findIndex(([, one]) => one === step);
  return same < 0 ? life.stops.length - 1 : same;
}

function opens(ref) {
  if (!known.has(ref)) {
    const opening = strivelm.ask("model.open", {}, { of: [ref] });
    known.set(ref, opening);
    opening.catch(() => known.delete(ref));
  }
  return known.get(ref);
}

// Goes to a stop; the promise is kept when all that is in sight shows it, or a later one.
function go(i) {
  if (!life || i < 0 || i >= life.stops.length) return Promise.resolve();
  goal = i;
  clearTimeout(resting);
  show();
  passed();
  moving ??= move().finally(() => {
    moving = null;
    rest();
  });
  return moving;
}

async function move() {
  while (life && refOf(goal) !== strivelm.chosen.model && !strivelm.isOpening()) {
    const [i, of] = [goal, life];
    const says = setTimeout(() => {
      slow = true;
      show();
    }, SAYS);
    try {
      const overtaken = new Promise((done) => (passed = () => done(true)));
      if (await Promise.race([opens(refOf(i)), overtaken]).then((found) => found === true)) continue;
      if (goal !== i || life !== of || strivelm.isOpening()) continue;
      note("");
      mine = refOf(i);
      strivelm.showModel?.(life.stops[i][3]);
      await Promise.race([strivelm.stepTo(mine), pause(playing ? FRAME : PATIENCE)]);
    } catch (error) {
      if (life !== of) return;
      broken.set(i, error.message);
      note(`Step ${whole(of.stops[i][1])} can’t be opened, the others can. ${error.message}`);
      draw();
      if (goal !== i) continue;
      goal = stopOf(strivelm.chosen.model);
      show();
      return;
    } finally {
      clearTimeout(says);
      if (slow) {
        slow = false;
        if (life) show();
      }
    }
  }
}

// The handle has come to rest: the page's components follow by an event of a hidden button.
function rest() {
  clearTimeout(resting);
  if (!life || held || playing) return;
  resting = setTimeout(() => {
    if (moving || held || playing || !strivelm.stepped()) return;
    settling = strivelm.chosen.model;
    document.querySelector("#timeline-rest button, button#timeline-rest")?.click();
  }, RESTS);
}

// Called by that event: which model it is, and then, which model the page has.
strivelm.timeline = {
  rests: () => settling,
  followed: (model, usual, values) => {
    if (offered) return void ((offered = false), strivelm.changed(model, usual, values));
    if (strivelm.chosen.model !== settling) return; // the handle has gone on, and will rest again
    if (model === settling) strivelm.settled();
    else strivelm.changed(model, usual, values);
  },
};

// -- playing ------------------------------------------------------------------------------------------------------------
const last = () => life.stops.length - 1;

async function play() {
  const number = (playing = ++played);
  show();
  if (goal === last()) await go(0);
  else await go(goal);
  while (playing === number && goal < last() && !strivelm.isOpening()) {
    await pause(1000 / Number(at("select").value) - took);
    if (playing !== number) return;
    if (strivelm.isOpening()) break;
    const began = performance.now();
    let next = goal + 1;
    while (broken.has(next) && next < last()) next++;
    await go(next);
    await painted();
    took = Math.min(1000, performance.now() - began);
  }
  if (playing === number) stop();
}

function stop() {
  playing = 0;
  if (life) show();
  rest();
}
