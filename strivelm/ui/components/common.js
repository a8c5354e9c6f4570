// What all views share, as window.strivelm: how characters, colours and exports look, and the page's address.
window.strivelm ??= (() => {
  // ␣ and ⏎ are in Inconsolata, which comes with the page; ␠ is in none of its fonts.
  const DRAWN = { "\n": "⏎", " ": "␣", "\t": "⇥", "\r": "␍", "\u00a0": "⍽" };

  // A character as it can be seen; one that draws nothing becomes its code point.
  const glyph = (char) =>
    DRAWN[char] ??
    (/^[\p{C}\p{Z}\p{M}]/u.test(char) ? `U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}` : char);

  const percent = (p) =>
    p >= 0.9995
      ? "100 %"
      : p >= 0.1
        ? `${(100 * p).toFixed(1)} %`
        : p >= 0.00005
          ? `${(100 * p).toPrecision(2)} %`
          : p > 0
            ? "< 0.01 %"
            : "0 %";

  // How often: e to the surprisal. 2.3 nats are "1 in 10".
  const oneIn = (nats) =>
    `1 in ${nats < 0.005 ? "1" : Math.exp(nats) < 10 ? Math.exp(nats).toFixed(1) : Math.round(Math.exp(Math.min(nats, 30))).toLocaleString("en")}`;

  // -- colours ------------------------------------------------------------------------------------------------------
  const dark = () => document.body.classList.contains("dark");

  // Anchors in OKLab (Ottosson 2020), between which lightness changes evenly: [lightness, chroma, hue in degrees].
  const ANCHORS = {
    // nothing → everything, on a white or a black ground
    sequential: {
      light: [
        [0.985, 0.005, 100],
        [0.87, 0.06, 185],
        [0.66, 0.105, 190],
        [0.45, 0.09, 215],
        [0.26, 0.08, 260],
      ],
      dark: [
        [0.2, 0.006, 60],
        [0.36, 0.06, 225],
        [0.55, 0.1, 195],
        [0.76, 0.12, 180],
        [0.95, 0.08, 120],
      ],
    },
    // a ground for text, which stays readable on all of it
    tint: {
      light: [
        [1, 0, 80],
        [0.95, 0.05, 85],
        [0.87, 0.1, 65],
        [0.78, 0.13, 40],
      ],
      dark: [
        [0.21, 0.005, 60],
        [0.3, 0.04, 85],
        [0.36, 0.08, 60],
        [0.43, 0.12, 35],
      ],
    },
    // against ← nothing → for
    diverging: {
      light: [
        [0.42, 0.13, 40],
        [0.7, 0.13, 50],
        [0.985, 0.004, 90],
        [0.7, 0.1, 195],
        [0.4, 0.09, 215],
      ],
      dark: [
        [0.85, 0.11, 65],
        [0.6, 0.14, 45],
        [0.22, 0.005, 60],
        [0.58, 0.1, 195],
        [0.86, 0.09, 185],
      ],
    },
  };

  // Okabe & Ito 2008, distinguishable with every kind of colour vision; darker or lighter where the ground asks for it.
  const CATEGORIES = {
    light: ["#00639c", "#c14f00", "#007a5a", "#a3447c", "#8a6d00", "#2a86b8", "#57534e", "#7a4fb5"],
    dark: ["#56b4e9", "#f0954a", "#2fc79b", "#e090bd", "#f0e442", "#9ad0f5", "#d6d3d1", "#bca0f0"],
  };

  function rgb([l, chroma, hue]) {
    const a = chroma * Math.cos((hue * Math.PI) / 180),
      b = chroma * Math.sin((hue * Math.PI) / 180);
    const [L, M, S] = [
      l + 0.3963377774 * a + 0.2158037573 * b,
      l - 0.1055613458 * a - 0.0638541728 * b,
      l - 0.0894841775 * a - 1.291485548 * b,
    ].map((c) => c ** 3);
    return [
      4.0767416621 * L - 3.3077115913 * M + 0.2309699292 * S,
      -1.2684380046 * L + 2.6097574011 * M - 0.3413193965 * S,
      -0.0041960863 * L - 0.7034186147 * M + 1.707614701 * S,
    ].map((c) =>
      Math.round(255 * Math.min(1, Math.max(0, c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055))),
    );
  }

  const ramps = {};

  // 256 colours, as [r, g, b] each, from 0 to 1 (of "diverging" from -1 to 1), for the present theme.
  function ramp(name) {
    const key = `${name} ${dark()}`;
    if (ramps[key]) return ramps[key];
    const anchors = ANCHORS[name][dark() ? "dark" : "light"].map(([l, c, h]) => [
      l,
      c * Math.cos((h * Math.PI) / 180),
      c * Math.sin((h * Math.PI) / 180),
    ]);
    return (ramps[key] = Array.from({ length: 256 }, (_, i) => {
      const at = (i / 255) * (anchors.length - 1),
        left = Math.min(Math.floor(at), anchors.length - 2),
        t = at - left;
      const [l, a, b] = anchors[left].map((from, k) => from + t * (anchors[left + 1][k] - from));
      return rgb([l, Math.hypot(a, b), (Math.atan2(b, a) * 180) / Math.PI]);
    }));
  }

  // One colour of a ramp as CSS has it; t from 0 to 1, for "diverging" from -1 to 1.
  function colour(name, t) {
    const share = name === "diverging" ? (t + 1) / 2 : t;
    return `rgb(${ramp(name)[Math.round(255 * Math.min(1, Math.max(0, share || 0)))].join(" ")})`;
  }

  const category = (i) => CATEGORIES[dark() ? "dark" : "light"][i % 8];

  // The ground of a character by its surprisal: plain where the model was sure, orange from 6 nats (1 in 403) on.
  const surprise = (nats) => colour("tint", nats / 6);

  // Fills `box` with what the grounds mean, in nats and as odds.
  function surpriseKey(box) {
    box.classList.add("strivelm-surprise");
    box.replaceChildren(
      ...["nats", ...Array(7).keys()].map((nats) => {
        const cell = document.createElement("span");
        const [above, below] =
          nats === "nats"
            ? ["surprisal, nats", "chance"]
            : [nats === 6 ? "6 and more" : nats, nats ? oneIn(nats) : "certain"];
        if (nats !== "nats") cell.style.background = surprise(nats);
        cell.append(
          Object.assign(document.createElement("b"), { textContent: above }),
          Object.assign(document.createElement("i"), { textContent: below }),
        );
        return cell;
      }),
    );
  }

  // -- drawing ------------------------------------------------------------------------------------------------------
  // A property of the style as it stands where views are: Gradio sets some of the page's own no further out.
  const css = (name) =>
    getComputedStyle(document.querySelector(".gradio-container .contain, .strivelm-view") ?? document.body)
      .getPropertyValue(name)
      .trim();

  // A canvas's context in CSS pixels, cleared; sharp on any screen. `scale` says otherwise for an export.
  function context(canvas, width, height, scale = window.devicePixelRatio || 1) {
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const drawn = canvas.getContext("2d");
    drawn.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
    drawn.clearRect(0, 0, width, height);
    return drawn;
  }

  // Calls draw when the element gets another width (also from 0, when its tab is opened) and when the theme changes.
  function redrawn(element, draw) {
    let width = -1;
    new ResizeObserver(() => {
      if (element.clientWidth === width) return;
      width = element.clientWidth;
      if (width) draw();
    }).observe(element);
    new MutationObserver(() => element.clientWidth && draw()).observe(document.body, {
      attributes: true,
      attributeFilter: ["class"],
    });
  }

  // Calls act whenever the element comes into sight: when it is made in an open tab, and each time its tab is opened.
  function appeared(element, act) {
    let before = 0;
    new ResizeObserver(() => {
      const width = element.clientWidth;
      if (width && !before) act();
      before = width;
    }).observe(element);
  }

  // -- numbers that come as one string ------------------------------------------------------------------------------
  function bytes(text) {
    const raw = atob(text);
    const found = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
    return found;
  }

  // -- taking things along ------------------------------------------------------------------------------------------
  function save(name, content, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    // Only pages from a secure address have a clipboard; elsewhere a selection can be copied.
    const held = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(held);
    held.select();
    const done = document.execCommand("copy");
    held.remove();
    if (!done) throw new Error("the browser does not let a page copy");
  }

  const quoted = (cell) => (/[",\n\r]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell));
  const csv = (rows) => rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";

  // A row of small buttons in `bar`: what can be taken along from a view. Each of `ways` is left out where it is missing:
  //   python: () => the lines that reproduce what is shown    png: () => a canvas at twice the screen's resolution
  //   svg: () => text    csv: () => rows of cells, or a promise of them    text: () => text    html: () => a promise of a file's text
  function tools(bar, name, ways) {
    const button = (label, title, act) => {
      const made = Object.assign(document.createElement("button"), {
        type: "button",
        className: "strivelm-tool",
        textContent: label,
        title,
      });
      made.addEventListener("click", async () => {
        try {
          const said = await act(made);
          if (said) flash(made, said);
        } catch {
          flash(made, "Not possible");
        }
      });
      bar.append(made);
    };
    bar.classList.add("strivelm-tools");
    bar.replaceChildren();
    if (ways.python) button("Python", "The lines that compute this", () => lines(bar, ways.python()));
    if (ways.png)
      button(
        "PNG",
        "Save as a picture",
        () => new Promise((done) => ways.png().toBlob((blob) => done(save(`${name}.png`, blob)))),
      );
    if (ways.svg) button("SVG", "Save as a drawing", () => save(`${name}.svg`, ways.svg(), "image/svg+xml"));
    if (ways.csv) button("CSV", "Save the numbers", async () => save(`${name}.csv`, csv(await ways.csv()), "text/csv"));
    if (ways.text) button("Text", "Save the text", () => save(`${name}.txt`, ways.text(), "text/plain"));
    if (ways.html)
      button("HTML", "Save as a file that stays interactive", async () =>
        save(`${name}.html`, await ways.html(), "text/html"),
      );
  }

  function flash(button, said) {
    button.dataset.label ??= button.textContent;
    button.textContent = said;
    setTimeout(() => (button.textContent = button.dataset.label), 1600);
  }

  // Shows lines of Python below a bar, with a button that copies them; a second call takes them away.
  function lines(bar, text) {
    const open = bar.nextElementSibling?.classList.contains("strivelm-python") ? bar.nextElementSibling : null;
    if (open) return void open.remove();
    const box = Object.assign(document.createElement("div"), { className: "strivelm-python" });
    const code = Object.assign(document.createElement("pre"), { textContent: text, tabIndex: 0 });
    code.setAttribute("aria-label", "Python");
    const taken = Object.assign(document.createElement("button"), {
      type: "button",
      className: "strivelm-tool",
      textContent: "Copy",
    });
    taken.addEventListener("click", () =>
      copy(text).then(
        () => flash(taken, "Copied"),
        () => flash(taken, "Press Ctrl+C"),
      ),
    );
    box.append(code, taken);
    bar.after(box);
  }

  // -- the address: model, tab, and what the open tab shows -----------------------------------------------------------
  const HOME = "generate"; // the tab of an address that names none
  const asked = new URLSearchParams(location.search);
  const address = { model: asked.get("model") ?? "", tab: asked.get("tab") || HOME, tabs: {} };
  for (const [name, value] of asked)
    if (!["model", "tab"].includes(name) && !name.startsWith("__")) (address.tabs[address.tab] ??= {})[name] = value;

  function write() {
    // A file of its own has no address to keep; before the page has read its address, nothing may change it.
    if (!arrived || !document.querySelector("gradio-app")) return;
    const kept = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("__"));
    const said = { model: address.model, tab: address.tab === HOME ? "" : address.tab, ...address.tabs[address.tab] };
    const query = new URLSearchParams([
      ...kept,
      ...Object.entries(said).filter(([, value]) => value !== "" && value != null),
    ]).toString();
    if (`?${query}` === location.search || (!query && !location.search)) return;
    history.replaceState(history.state, "", query ? `?${query}` : location.pathname);
    // A Space is shown in a frame; this is how the address around it learns of it (huggingface.co/docs/hub/spaces-handle-url-parameters).
    if (window.parent !== window) window.parent.postMessage({ queryString: query }, "https://huggingface.co");
  }

  let pending = 0,
    arrived = false;
  const soon = () => (pending ||= setTimeout(() => ((pending = 0), write()), 100));

  // Keeps a setting of a tab in the address; its usual value is left out.
  function put(tab, name, value, usual = "") {
    const said = (address.tabs[tab] ??= {});
    if (String(value) === String(usual) || value === "" || value == null) delete said[name];
    else said[name] = String(value);
    soon();
  }

  // A setting of a tab as the address had it, or undefined.
  const get = (tab, name) => address.tabs[tab]?.[name];

  function turn(what, value) {
    address[what] = value;
    soon();
  }

  // Presses a button as soon as it is there and can be pressed, for a minute: over a slow network a tab comes late.
  function press(id, patience = 1200) {
    seen.add(id.replace("run-", ""));
    const found = document.getElementById(id);
    const button = found?.matches("button") ? found : found?.querySelector("button");
    if (button && !button.disabled && button.checkVisibility()) button.click();
    else if (patience) setTimeout(() => press(id, patience - 1), 50);
  }

  const seen = new Set();

  // A tab was opened; an eager one works at once the first time, unless something else has pressed its button.
  function opened(tab, eager) {
    turn("tab", tab);
    if (eager && !seen.has(tab)) press(`run-${tab}`);
  }

  // What a tab shows is of another model: it is run again, at once where it is open, else when it is opened next.
  function stale(tab) {
    if (seen.delete(tab) && address.tab === tab) press(`run-${tab}`);
  }

  // A text is on its way to a tab, which works on it as soon as it is there.
  function carry(tab) {
    seen.add(tab);
    setTimeout(() => press(`run-${tab}`), 150);
  }

  // What a link leads to is shown at once; the plain page waits to be asked.
  function arrive(tabs) {
    const said = new URLSearchParams(location.search);
    const tab = tabs.includes(said.get("tab")) ? said.get("tab") : tabs[0];
    arrived = true;
    soon();
    if (!seen.has(tab) && (tab !== tabs[0] || said.has("text") || said.has("seed"))) press(`run-${tab}`);
  }

  // Gives a Gradio text field a value, as if it had been typed.
  function type(id, value) {
    const field = document.querySelector(`#${id} textarea, #${id} input`);
    if (!field) return;
    const prototype = field.matches("textarea") ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
    Object.getOwnPropertyDescriptor(prototype, "value").set.call(field, value);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // Runs a view's script outside the page; there it is never given another value.
  function mount(element, value, script) {
    const theme = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => document.body.classList.toggle("dark", theme.matches);
    theme.addEventListener("change", follow);
    follow();
    script(
      element,
      { value },
      () => {},
      () => {},
      {},
    );
  }

  return {
    glyph,
    percent,
    oneIn,
    dark,
    ramp,
    colour,
    category,
    surprise,
    surpriseKey,
    css,
    context,
    redrawn,
    appeared,
    bytes,
    save,
    copy,
    csv,
    tools,
    flash,
    put,
    get,
    turn,
    press,
    opened,
    stale,
    carry,
    arrive,
    type,
    mount,
  };
})();
