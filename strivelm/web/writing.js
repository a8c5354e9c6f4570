// Texts that one engine writes together, as strivelm/writing.c does: in a turn each goes on by one character, and all
// rows share one pass over the weights. What a text becomes does not depend on its company.
//
// A full context goes on from its last half, which is read afresh, two characters at a time, while the text grows
// towards the context's end.
import { distribution, draw, ordered, surprisals } from "./choice.js";
import { uniforms } from "./uniforms.js";

const PIECE = 64; // how many characters of prompts a turn may read
const BESIDE = 2; // rows of the half that stays, beside a row

// How many characters an engine has in view that has read a prompt, and then more of them one by one.
function inView(read, more, T) {
  const length = Math.min(read, T);
  if (more <= T - length) return length + more;
  const half = Math.max(Math.floor(T / 2), 1);
  return half + ((more - (T - length) - 1) % (T - half + 1));
}

// A character that was chosen, with what else it could have been.
class Step {
  constructor(id, index, logits, config) {
    Object.assign(this, { id, index, logits, config });
  }

  get nats() {
    return (this._nats ??= surprisals(this.logits));
  }

  get sampledFrom() {
    return (this._from ??= distribution(this.logits, this.config));
  }

  get surprisal() {
    return this.nats[this.id];
  }

  get sampledProbability() {
    return this.sampledFrom[this.id];
  }

  // The n likeliest: [id, probability, probability that it is drawn with] of each.
  alternatives(n) {
    return ordered(this.logits)
      .slice(0, n)
      .map((id) => [id, Math.exp(-this.nats[id]), this.sampledFrom[id]]);
  }
}

class Texts {
  // texts: of each { ids, config: { count, temperature, top_k, top_p, seed }, first, forced: Map of ids by index, off }
  constructor(engine, texts) {
    this.engine = engine;
    this.half = Math.max(Math.floor(engine.T / 2), 1);
    this.session = engine.session(2 * texts.length);
    this.texts = texts.map(({ ids, config, first = 0, forced = new Map(), off = [] }, i) => {
      if (off.length) for (const slot of [2 * i, 2 * i + 1]) this.session.switchOff(slot, off);
      const numbers = uniforms(config.seed, first);
      const place = { slot: 2 * i, spare: 2 * i + 1, read: 0, again: 0 };
      return { ...place, ids: ids.slice(-engine.T), left: config.count, index: first, config, forced, numbers };
    });
  }

  get left() {
    return this.texts.some((one) => one.left);
  }

  // Makes room in a full context: its last half goes to the front.
  slide(one) {
    one.ids = one.ids.slice(-this.half);
    [one.read, one.again] = [one.again, 0];
    [one.slot, one.spare] = [one.spare, one.slot];
  }

  // The rows that come before each text's last one.
  before() {
    const { T } = this.engine;
    const stays = T + 1 - this.half;
    const rows = [];
    let piece = PIECE;
    for (const one of this.texts) {
      if (!one.left) continue;
      if (one.ids.length > T) this.slide(one);
      for (; one.read < one.ids.length - 1 && piece; piece--, one.read++)
        rows.push(one.ids[one.read], one.slot, one.read);
      if (one.ids.length + one.left <= T + 1 || one.ids.length - stays - one.again < BESIDE) continue;
      for (let j = 0; j < BESIDE; j++, one.again++) rows.push(one.ids[stays + one.again], one.spare, one.again);
    }
    return rows;
  }

  // One turn: a Step of each text, null of one whose prompt is not read yet or that is complete.
  turn() {
    const { V } = this.engine;
    const rows = this.before();
    const open = this.texts.filter((one) => one.left && one.read >= one.ids.length - 1);
    for (const one of open) rows.push(one.ids[one.read], one.slot, one.read);
    const logits = rows.length ? this.session.read(rows, open.length) : null;
    return this.texts.map((one) => {
      const row = open.indexOf(one);
      if (row < 0) return null;
      const mine = logits.slice(row * V, (row + 1) * V);
      const step = new Step(0, one.index, mine, one.config);
      const drawn = draw(step.sampledFrom, one.numbers()); // also of a forced one: the numbers count places
      step.id = one.forced.get(one.index) ?? drawn;
      one.ids.push(step.id);
      one.read += 1;
      one.left -= 1;
      one.index += 1;
      return step;
    });
  }

  close() {
    this.session.close();
  }
}

export { Texts, inView };
