// A second model beside the open one, in every tab. The header opens it (components/beside) and closes it; the address
// holds it as beside=…. Views that show both, strivelm.view({ beside: true }), are there while it is open.
import { chosen, putBeside } from "./address.js";
import { besideChanged, besideComes, say } from "./tabs.js";

const OPEN = "strivelm-beside"; // of the page's body, while a model stands there
const PICKING = "strivelm-beside-picker"; // while it can be chosen
let wanted = ""; // what is on its way
let chose = false; // whether the visitor chose it now, which is a step of the browser's history

const isOpen = () => document.body.classList.contains(OPEN);
const button = () => document.querySelector("#beside-open button, button#beside-open");

function stand(ref, step) {
  putBeside(ref, step);
  document.body.classList.toggle(OPEN, Boolean(ref));
  if (ref) pickBeside(true);
  besideChanged();
}

// Shows or hides where the second model is chosen.
function pickBeside(is) {
  document.body.classList.toggle(PICKING, is);
}

// The visitor chose one: the header's event opens it.
function openBeside(ref) {
  wanted = ref?.trim() ?? "";
  chose = true;
  if (wanted) besideComes();
}

// A link or a step back names one: it is opened by the header's hidden button.
function bringBeside(ref) {
  chose = false;
  wanted = ref;
  putBeside(ref);
  if (!ref) return closeBeside(false);
  pickBeside(true);
  besideComes();
  button()?.click();
}

// Where the header's event ended: { ref, ok }. Of one that can't be opened the header says why, and all stays.
function besideOpened({ ref, ok }) {
  if (ref !== wanted) return; // another one was chosen meanwhile
  if (ok) stand(ref, chose);
  else if (chosen.beside === ref) stand("", false);
  else besideChanged(false);
}

function closeBeside(step = true) {
  wanted = "";
  pickBeside(false);
  say("beside");
  if (chosen.beside || isOpen()) stand("", step);
}

const wantedBeside = () => wanted;

export { openBeside, bringBeside, besideOpened, closeBeside, pickBeside, wantedBeside };
