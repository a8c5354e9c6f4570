"""What a visitor does and sees on every tab: picks a model, reads the address, can read what is written."""

from urllib.parse import parse_qs, urlsplit

# The contrast of an element's text with the first opaque ground behind it, as WCAG 2 computes it; colours of every
# notation are read back from a canvas.
CONTRAST = """element => {
  const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (colour) => {
    const [r, g, b] = [...rgba(colour)].slice(0, 3).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = element;
  while (rgba(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
  const pair = [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor].map(luminance);
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""


def rested(page):
    """Waits until no colour is on its way to another."""
    page.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")


def pick(page, ref):
    """Asks for another model; what it changes comes later."""
    page.fill("#model input", ref)
    page.press("#model input", "Enter")


def choices(page):
    """What the address says: {name: value}, but for the theme."""
    parts = urlsplit(page.url)
    found = parse_qs(parts.query, keep_blank_values=True) | parse_qs(parts.fragment, keep_blank_values=True)
    return {name: values[0] for name, values in found.items() if not name.startswith("__")}
