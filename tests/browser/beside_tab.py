"""How the tests of two models open the second one, and read numbers back out of the views that show both."""

BOTH = {
    "generate": "#both-view",
    "attention": "#attention-beside",
    "embeddings": "#embeddings-beside",
    "predictions": "#predictions-beside",
    "learn": "#learn-beside",
}
"""By tab, the view of both."""
READ = """([view, ask]) => {
  const one = [...document.querySelectorAll(`${view}, ${view} *, .strivelm-view`)].find((one) => one.strivelm);
  return one ? new Function("view", `return (${ask})`)(one.strivelm) : null;
}"""


def stand(page, ref):
    """Has a second model opened, as a visitor does; what that changes comes later."""
    if page.is_visible("#header .add"):
        page.click("#header .add")
    page.fill("#beside-model input", ref)
    page.press("#beside-model input", "Enter")


def stands(page, ref):
    """Waits until a second model is open."""
    page.wait_for_function(
        """ref => document.body.classList.contains("strivelm-beside") && strivelm.chosen.beside === ref
          && document.querySelector("#beside-summary .name").textContent.startsWith(ref)""",
        arg=ref,
    )


def settled(page, view):
    """Waits until a view of both is in sight and rests."""
    page.wait_for_selector(view, state="visible")
    page.wait_for_function(
        """view => {
          const box = document.querySelector(view);
          return !box.querySelector("[data-waiting=true]") && !box.matches("[data-waiting=true]")
            && (box.querySelector(".sorry:not(:empty)") || box.querySelector(".both-models .model"));
        }""",
        arg=view,
    )


def read(page, view, ask):
    """What a view's script answers to an expression."""
    return page.evaluate(READ, [view, ask])
