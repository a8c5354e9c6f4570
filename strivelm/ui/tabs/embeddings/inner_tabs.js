// Which inner tab is open: what the visitor has chosen, or a link, or a text that was brought here.
//
// Gradio selects the first inner tab by itself whenever the tab appears. So what is chosen is taken from clicks alone,
// and put back when the tab is opened.
const inner = document.getElementById("embeddings-tabs");
const buttons = () => [...inner.querySelectorAll(".tab-container [data-tab-id]")];
const names = () => buttons().map((one) => one.dataset.tabId);
const selected = () => buttons().find((one) => one.getAttribute("aria-selected") === "true")?.dataset.tabId;

// A link that brings a text and names no view is to be seen in the view of texts.
const brought = () => (strivelm.linked("embeddings", "text") === undefined ? undefined : "context");

let first = true;
function show() {
  if (first && !strivelm.get("embeddings", "view")) strivelm.put("embeddings", "view", brought());
  first = false;
  const chosen = strivelm.get("embeddings", "view");
  if (chosen && !names().includes(chosen)) return strivelm.put("embeddings", "view", "");
  if (chosen && chosen !== selected())
    buttons()
      .find((one) => one.dataset.tabId === chosen)
      .click();
}

inner?.addEventListener("click", (event) => {
  if (!event.isTrusted || !event.target.closest(".tab-wrapper")) return;
  setTimeout(() => strivelm.put("embeddings", "view", selected()));
});
if (inner) strivelm.view({ tab: "embeddings", element: inner, look: async () => show() });
