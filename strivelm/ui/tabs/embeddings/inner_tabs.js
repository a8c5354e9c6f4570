// Which inner tab is open: what the visitor has chosen, or a link, or a text that was brought here.
//
// Gradio selects the first inner tab by itself whenever the tab appears. So what is chosen is taken from clicks alone,
// and put back when the tab is opened.
const titles = JSON.parse(props.value); // of the inner tabs, by id
const inner = document.getElementById("embeddings-tabs");
const put = (id, step = false) => strivelm.put("embeddings", "view", id, "", { step });

// Where there is little room, some tabs are in a menu, whose buttons have no more than the title.
const idOf = (button) =>
  button.dataset.tabId ?? Object.keys(titles).find((id) => titles[id] === button.textContent.trim());
const buttons = () => [...inner.querySelectorAll("[data-tab-id], .overflow-dropdown button")];

// A link that brings a text and names no view is to be seen in the view of texts.
const brought = () => (strivelm.linked("embeddings", "text") === undefined ? "" : "context");

let opened = false;
function show() {
  if (!opened && !strivelm.get("embeddings", "view")) put(brought());
  opened = true;
  const chosen = strivelm.get("embeddings", "view") ?? Object.keys(titles)[0];
  if (chosen && !(chosen in titles)) return put("");
  const button = chosen && buttons().find((one) => idOf(one) === chosen);
  if (button && button.getAttribute("aria-selected") !== "true") button.click();
}

inner?.addEventListener("click", (event) => {
  const button = event.isTrusted && event.target.closest(".tab-wrapper button");
  const id = button && idOf(button);
  if (id) put(id, true);
});
if (inner) strivelm.view({ tab: "embeddings", element: inner, look: async () => show() });
