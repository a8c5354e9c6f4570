"""A lesson of a teacher's own: an ordered list of views of the page, each with a sentence."""
