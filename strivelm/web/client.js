// The page's end of the worker (worker.js): messages go out, promises come back.
class Client {
  constructor(worker) {
    Object.assign(this, { worker, waiting: new Map(), last: 0 });
    worker.onmessage = ({ data }) => this.hear(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.end(new Error("The browser could not start the worker that writes."));
    };
  }

  hear({ id, part, answer, error }) {
    const asked = this.waiting.get(id);
    if (part !== undefined) return void asked?.part?.(part);
    this.waiting.delete(id);
    if (error === undefined) asked?.kept(answer);
    else asked?.broken(new Error(error));
  }

  // Sends a message; a promise of its answer. part(piece) hears what comes before it; when signal fires, it is given up.
  send(message, { part, signal } = {}) {
    return new Promise((kept, broken) => {
      if (signal?.aborted) return void broken(signal.reason);
      if (!this.worker) return void broken(new Error("The worker that writes has ended."));
      const id = ++this.last;
      this.waiting.set(id, { part, kept, broken });
      this.worker.postMessage({ ...message, id });
      signal?.addEventListener("abort", () => {
        if (this.waiting.delete(id)) this.worker?.postMessage({ id, do: "stop" });
        broken(signal.reason);
      });
    });
  }

  // Ends the worker, which gives back all of its memory.
  end(error = new DOMException("The worker was ended.", "AbortError")) {
    this.worker?.terminate();
    this.worker = null;
    for (const { broken } of this.waiting.values()) broken(error);
    this.waiting.clear();
  }
}

export { Client };
