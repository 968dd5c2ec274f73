// What is drawn below and over the points, and what is said of one of them.
const NAMES = { rho: "x", m: "M(x)", m_network: "M(x)", reconstruction: "∇u(M(x))", field: "F(x)", grad_u: "∇u(x)" };

/** Boxes, ticks and grid lines below the points. */
function drawFrames(view) {
  const context = view.axes.getContext("2d");
  context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  context.clearRect(0, 0, view.axes.width, view.axes.height);
  context.font = `10px ${getComputedStyle(view.root).fontFamily}`;
  for (const [key, frame] of view.frames) {
    const { x, y, w, h } = frame.rect, moving = key === "stage";
    context.strokeStyle = "rgba(128,136,148,0.45)";
    context.lineWidth = 1;
    context.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1);
    if (moving || view.cloud.byKey.get(key).foot) continue; // an embedding has no axes
    if (key === "rho" && view.terrain) drawRelief(view, context, frame);
    context.strokeStyle = "rgba(128,136,148,0.2)";
    for (const [value] of ticks(frame.range[0], frame.range[1], w / 60)) line(context, [frame.px(value, frame.range[2]), frame.px(value, frame.range[3])]);
    for (const [value] of ticks(frame.range[2], frame.range[3], h / 60)) line(context, [frame.px(frame.range[0], value), frame.px(frame.range[1], value)]);
  }
}

function line(context, places) {
  context.beginPath();
  places.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

/** Numbers at the edge of a panel, over the points so that they can be read. */
function drawNumbers(view, context) {
  context.font = `10px ${getComputedStyle(view.root).fontFamily}`;
  context.lineJoin = "round";
  const write = (text, x, y, align, base) => {
    Object.assign(context, { textAlign: align, textBaseline: base, lineWidth: 3, strokeStyle: view.ground });
    context.globalAlpha = 0.85;
    context.strokeText(text, x, y);
    context.globalAlpha = 1;
    context.fillStyle = view.ink;
    context.fillText(text, x, y);
  };
  for (const [key, frame] of view.frames) {
    if (key === "stage" || view.cloud.byKey.get(key).foot) continue;
    const { x, y, w, h } = frame.rect;
    for (const [value, text] of ticks(frame.range[0], frame.range[1], w / 60)) {
      const at = frame.px(value, 0)[0];
      if (at > x + 34 && at < x + w - 18) write(text, at, y + h - 2, "center", "bottom");
    }
    for (const [value, text] of ticks(frame.range[2], frame.range[3], h / 60)) {
      const at = frame.px(0, value)[1];
      if (at > y + 10 && at < y + h - 16) write(text, x + 3, at, "left", "middle");
    }
  }
}

/** What lies over the points: the selection's outline, the hand's path, the point that is seen, and its way. */
function drawMarks(view) {
  if (!view.over || !view.frames.size || !view.hand) return;
  if (view.motion.playing && view.cursor < 0 && view.bare) return; // nothing lies there
  view.bare = view.way !== "views" && view.cursor < 0;
  const context = view.over.getContext("2d");
  context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  context.clearRect(0, 0, view.over.width, view.over.height);
  drawNumbers(view, context);
  const { selection, hand } = view, frame = selection && view.frames.get(selection.key);
  if (frame) outline(context, frame, selection.polygon.map(([x, y]) => frame.px(x, y)), view.accent, view.ground);
  if (hand.drawn && hand.tool !== "pan" && hand.drawn.length > 1) {
    const path = hand.tool === "box" ? boxOf(hand.drawn) : hand.drawn;
    outline(context, view.frames.get(hand.panel.key), path, view.accent, view.ground);
  }
  for (const mark of [hand.anchor, hand.caret].filter(Boolean)) {
    if (view.way !== "views") break;
    Object.assign(context, { strokeStyle: view.accent, lineWidth: 1.5 });
    line(context, [[mark.px - 6, mark.py], [mark.px + 6, mark.py]]);
    line(context, [[mark.px, mark.py - 6], [mark.px, mark.py + 6]]);
  }
  if (view.cursor >= 0) drawPoint(view, context);
}

function outline(context, frame, path, accent, ground) {
  context.save();
  context.beginPath();
  context.rect(frame.rect.x, frame.rect.y, frame.rect.w, frame.rect.h);
  context.clip();
  for (const [width, colour] of [[3.5, ground], [1.5, accent]]) {
    Object.assign(context, { lineWidth: width, strokeStyle: colour });
    line(context, [...path, path[0]]);
  }
  context.restore();
}

/** The point that is seen in every panel, and its way x, M(x), F(x) across them; on the stage, its way there. */
function drawPoint(view, context) {
  const { cloud, cursor } = view, lut = cloud.colours[0].lut, own = cloud.colours[0].values[cursor];
  const colour = `rgb(${lut[3 * own]},${lut[3 * own + 1]},${lut[3 * own + 2]})`;
  let way, rings;
  if (view.way === "views") {
    const spot = (panel) => view.frames.get(panel.key).px(...view.point(panel, cursor));
    way = (cloud.places.line ?? []).map((key) => spot(cloud.byKey.get(key)));
    rings = view.shown.filter((panel) => cursor < panel.count).map((panel) => [spot(panel), view.frames.get(panel.key)]);
  } else {
    const frame = view.frames.get("stage");
    way = view.motion.places.map((key) => frame.px(...stagePoint(view, cursor, key)));
    rings = [[frame.px(...stagePoint(view, cursor)), frame]];
  }
  for (const [width, ink] of [[3, view.ground], [1.2, view.ink]]) {
    Object.assign(context, { lineWidth: width, strokeStyle: ink, fillStyle: ink });
    line(context, way);
    if (width < 3) for (let k = 1; k < way.length; k++) arrow(context, way[k - 1], way[k]);
  }
  for (const [[x, y], frame] of rings) {
    if (!frame.holds(x, y, 2)) continue;
    for (const [radius, ink] of [[6.5, view.ground], [5.5, view.ink], [4, colour]]) {
      context.fillStyle = ink;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

function arrow(context, [ax, ay], [bx, by]) {
  const length = Math.hypot(bx - ax, by - ay);
  if (length < 16) return;
  const [ux, uy] = [(bx - ax) / length, (by - ay) / length], [x, y] = [bx - 7 * ux, by - 7 * uy];
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x - 7 * ux + 3.5 * uy, y - 7 * uy - 3.5 * ux);
  context.lineTo(x - 7 * ux - 3.5 * uy, y - 7 * uy + 3.5 * ux);
  context.fill();
}

/** What is known of a sample, with units. */
function describe(view, i) {
  const { cloud } = view;
  const said = view.way === "mccann" ? cloud.places.mccann : view.way === "path" ? cloud.places.path : cloud.places.line;
  const vector = (key) => {
    const panel = cloud.byKey.get(key), numbers = view.point(panel, i);
    const written = panel.space === "position"
      ? numbers.map((value, k) => place(value, panel.range[2 * k + 1] - panel.range[2 * k])) : numbers.map(figure);
    return `${NAMES[key]} = (${written.join(", ")})${panel.unit ? ` ${panel.unit}` : ""}`;
  };
  const parts = [(said ?? ["rho", "field"]).map(vector).join("  →  ")];
  for (const colour of cloud.colours) {
    if (!("low" in colour)) continue;
    const raw = colour.low + (colour.values[i] / 65535) * (colour.high - colour.low);
    const edge = colour.values[i] === 0 ? "≤ " : colour.values[i] === 65535 ? "≥ " : "";
    const name = colour.label.replace(/ \([^()]*\)$/, "");
    parts.push(`${name} ${edge}${figure(colour.log ? 10 ** raw : raw)}${colour.unit ? ` ${colour.unit}` : ""}`);
  }
  return parts.join("  ·  ");
}
