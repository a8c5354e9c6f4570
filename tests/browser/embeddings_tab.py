"""How the tests of the Embeddings tab open its views, and what these let others read."""

CHARS = "\nABCDEabcdefghikr $<>{}é😀"


def look(visit, at, view, more="", **how):
    """Opens a view by its address and waits until something is drawn; gives the page and the view's place."""
    page = visit(f"{at}?tab=embeddings&view={view}{more}", shows=f"#embeddings-{view} .view", **how)
    return page, drawn(page, view)


def drawn(page, view):
    """Waits until a view is drawn; gives its place."""
    page.wait_for_selector(f"#embeddings-{view} .view[data-state=shown] .tools button")
    return page.locator(f"#embeddings-{view}")


def inner(page, title):
    """Opens a view by its title."""
    page.click(f"#embeddings-tabs button[role=tab]:has-text('{title}')")


def values(place, expression):
    """What a view's script lets others read."""
    return place.evaluate(
        f"""(place) => {{
          const values = [place, ...place.querySelectorAll("*")].find((one) => one.strivelm).strivelm;
          return {expression};
        }}"""
    )
