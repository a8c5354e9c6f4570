// Making elements; text only ever becomes textContent.

// An element with a class, a text, and further properties.
function make(tag, className = "", text = "", more = {}) {
  const made = Object.assign(document.createElement(tag), more);
  if (className) made.className = className;
  if (text != null && text !== "") made.textContent = text;
  return made;
}

export { make };
