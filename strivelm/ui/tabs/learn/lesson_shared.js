// What the views of the tab share: the step that is shown and what draws it; `go`, which the lesson's view fills in, and
// `mark`, which the list of steps does.
const learn = (strivelm.learn ??= { drawers: new Map(), shown: null });

// Has this view draw each step that comes, and the one that is there.
function follow(draw) {
  for (const other of learn.drawers.keys()) if (!other.isConnected) learn.drawers.delete(other);
  learn.drawers.set(element, draw);
  if (learn.shown) draw(learn.shown);
}
