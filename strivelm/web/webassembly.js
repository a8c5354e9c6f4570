// The decoder in C (strivelm/decoder.c) as WebAssembly: an instance for each model, whose memory goes with it.
import { ModelError, numbersOf } from "./safetensors.js";
import { KINDS } from "./layout.js";

const MOST_MEMORY = 2 ** 31; // bytes; addresses stay positive, and no phone has more
const PAGE = 65536;
const ALIGNED = 64;

const megabytes = (bytes) => `${Math.ceil(bytes / 1e6).toLocaleString("en")} MB`;
const outgrown = (bytes) => new ModelError(`this needs ${megabytes(bytes)} of memory, more than a browser has for it`);

// Pieces of an instance's memory, all of which begin as zeros.
class Heap {
  constructor(memory, start) {
    this.memory = memory;
    this.end = Math.ceil(start / ALIGNED) * ALIGNED;
    this.pieces = []; // in order: { at, size, taken }
  }

  take(bytes) {
    const size = Math.ceil(Number(bytes) / ALIGNED) * ALIGNED;
    const old = this.pieces.find((one) => !one.taken && one.size >= size);
    if (old) {
      if (old.size > size) {
        this.pieces.splice(this.pieces.indexOf(old) + 1, 0, { at: old.at + size, size: old.size - size, taken: false });
        old.size = size;
      }
      old.taken = true;
      new Uint8Array(this.memory.buffer, old.at, size).fill(0);
      return old.at;
    }
    const last = this.pieces.at(-1);
    if (last && !last.taken) {
      this.pieces.pop(); // what is free at the end grows
      this.end = last.at;
    }
    const at = this.end;
    const more = at + size - this.memory.buffer.byteLength;
    if (at + size > MOST_MEMORY) throw outgrown(at + size);
    try {
      if (more > 0) this.memory.grow(Math.ceil(more / PAGE));
    } catch {
      throw outgrown(at + size);
    }
    new Uint8Array(this.memory.buffer, at, size).fill(0);
    this.pieces.push({ at, size, taken: true });
    this.end = at + size;
    return at;
  }

  give(at) {
    const i = this.pieces.findIndex((one) => one.at === at);
    this.pieces[i].taken = false;
    for (const k of [i, i - 1]) {
      const [one, next] = [this.pieces[k], this.pieces[k + 1]];
      if (one && next && !one.taken && !next.taken) {
        one.size += next.size;
        this.pieces.splice(k + 1, 1);
      }
    }
  }
}

// Texts that an engine remembers, as many as it has slots.
class Session {
  constructor(engine, slots) {
    Object.assign(this, { engine, slots, off: 0, rows: 0, logits: 0, room: 0 });
    this.sizes = engine.sizesWith(slots);
    const bytes = engine.c.strivelm_arena_bytes(this.sizes);
    if (!bytes) throw new ModelError(`there is no room for ${slots} texts of this model`);
    this.arena = engine.heap.take(bytes);
  }

  // Switches parts of a slot's text off: [layer, head] of each; [layer, number of heads] is the layer's MLP.
  switchOff(slot, parts) {
    const { L, H } = this.engine;
    if (!this.off) this.off = this.engine.heap.take(this.slots * L * (H + 1));
    const flags = new Uint8Array(this.engine.memory.buffer, this.off + slot * L * (H + 1), L * (H + 1)).fill(0);
    for (const [layer, part] of parts) flags[layer * (H + 1) + part] = 1;
  }

  // Logits (wanted, V) of the last of some rows, each an id, its slot and its position. They stand until the next call.
  read(rows, wanted = 1) {
    const { c, heap, V, memory, weights } = this.engine;
    if (!c) throw new Error("The model was closed while it was at work.");
    const n = rows.length / 3;
    if (n > this.room) {
      for (const one of [this.rows, this.logits]) if (one) heap.give(one);
      this.room = Math.max(n, 64);
      this.rows = heap.take(12 * this.room);
      this.logits = heap.take(4 * this.room * V);
    }
    new Int32Array(memory.buffer, this.rows, rows.length).set(rows);
    if (!c.strivelm_read(this.sizes, weights, this.arena, this.off, n, this.rows, wanted, this.logits))
      throw new RangeError("a row is outside the model's vocabulary or context");
    return new Float32Array(memory.buffer, this.logits, wanted * V);
  }

  close() {
    for (const one of [this.sizes, this.arena, this.off, this.rows, this.logits]) if (one) this.engine.heap?.give(one);
  }
}

class WebAssemblyEngine {
  constructor(module, config) {
    const { n_layer: L, n_head: H, n_embd: C, block_size: T, vocab_size: V } = config;
    Object.assign(this, { L, H, C, T, V, name: "WebAssembly" });
    this.c = new WebAssembly.Instance(module).exports;
    this.memory = this.c.memory;
    this.heap = new Heap(this.memory, this.c.__heap_base.value);
  }

  sizesWith(slots) {
    const at = this.heap.take(28);
    const { L, H, C, T, V } = this;
    new Int32Array(this.memory.buffer, at, 7).set([L, H, C, T, V, slots, 0]);
    return at;
  }

  // Takes the weights in, as float32: to widen float16 for every character takes longer than to read twice the bytes,
  // as WebAssembly has no instruction for it (500 characters a second beside 1,080).
  fill(file, places) {
    const sizes = this.sizesWith(1);
    this.weights = this.heap.take(this.c.strivelm_weights_bytes(sizes));
    const taken = places.filter((one) => one.kind !== null && one.kind !== KINDS.zero);
    const longest = Math.max(...taken.map((one) => 4 * one.shape.reduce((a, b) => a * b)));
    const from = this.heap.take(longest);
    for (const { kind, layer, shape, ...one } of taken) {
      const isHalf = one.dtype === "F16";
      const bytes = isHalf ? file.subarray(one.start, one.end) : new Uint8Array(numbersOf(file, one).buffer);
      new Uint8Array(this.memory.buffer, from, bytes.length).set(bytes);
      const width = BigInt(shape.at(-1));
      const along = kind === KINDS.tok ? [1n, width] : shape.length === 2 ? [width, 1n] : [0n, 1n];
      if (this.c.strivelm_pack(sizes, this.weights, kind, layer, from, ...along, Number(isHalf)) !== 1)
        throw new ModelError("model.safetensors holds NaN or infinite numbers; the model is damaged");
    }
    this.heap.give(from);
    this.heap.give(sizes);
  }

  session(slots) {
    return new Session(this, slots);
  }

  // What one text of n ids, read from position 0, makes of the model: logits (n, V); where they are asked for, attention
  // (L, H, n, n) and the logits at each depth but the last (2L, n, V). In memory of their own.
  trace(ids, { attention = false, depths = false } = {}) {
    const { c, heap, memory, L, H, V } = this;
    if (!c) throw new Error("The model was closed.");
    const n = ids.length;
    const taken = [];
    const take = (bytes) => {
      taken.push(heap.take(bytes));
      return taken.at(-1);
    };
    const session = this.session(1);
    try {
      const rows = take(12 * n);
      const sizes = { logits: n * V, attention: attention ? L * H * n * n : 0, depths: depths ? 2 * L * n * V : 0 };
      const at = Object.fromEntries(Object.entries(sizes).map(([name, count]) => [name, count ? take(4 * count) : 0]));
      new Int32Array(memory.buffer, rows, 3 * n).set(ids.flatMap((id, i) => [id, 0, i]));
      const { sizes: s, arena } = session;
      if (!c.strivelm_trace(s, this.weights, arena, 0, n, rows, n, at.logits, at.attention, at.depths))
        throw new RangeError("an id is outside the model's vocabulary");
      const found = ([name, count]) => [name, count ? new Float32Array(memory.buffer, at[name], count).slice() : null];
      return Object.fromEntries(Object.entries(sizes).map(found));
    } finally {
      session.close();
      taken.forEach((one) => heap.give(one));
    }
  }

  close() {
    this.c = this.memory = this.heap = null; // nothing else holds the instance
  }
}

// An engine for weights that were checked.
function webassembly(module, config, file, places) {
  const engine = new WebAssemblyEngine(module, config);
  engine.fill(file, places);
  return engine;
}

export { webassembly };
