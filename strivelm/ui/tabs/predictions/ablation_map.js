// Colours of a change of loss.
const SPAN = 2; // nats: where the scales of differences end
const ENDS = [
  [-1, `−${SPAN} better`],
  [0, "0"],
  [1, `+${SPAN} worse`],
];

// A ground for a change of loss in nats, orange where it is worse: of the diverging ramp only as far from its middle as
// text can be read on it.
const groundOf = (change) =>
  strivelm.colour("diverging", (strivelm.dark() ? 0.36 : 0.5) * Math.max(-1, Math.min(1, -change / SPAN)));

// The scale of a change of loss, with what it is of: from better, teal, to worse, orange.
const scaleOfChange = (what = "") =>
  strivelm.scaleBar({ ramp: "diverging", colour: (t) => groundOf(SPAN * t), ticks: ENDS, what, width: 262 });
