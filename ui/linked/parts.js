// The parts of a view beside its points: tools, film, legend, frames with ticks, marks, and what is said of a point.

function cell(panel) {
  const head = made("div", { class: "head" }), foot = made("div", { class: "foot" });
  writeTitle(head, panel.title);
  if (panel.colour) head.style.borderBottom = `2px solid ${panel.colour}`;
  foot.textContent = panel.axes[0] ? `→ ${panel.axes[0]}, ↑ ${panel.axes[1]}` : "";
  return made("div", { class: "cell" }, head, made("div", { class: "plot" }), foot);
}

/** A group of buttons of which one is pressed. */
function choice(name, labels, chosen, choose) {
  const group = made("span", { class: name, role: "group" });
  for (const [key, label] of Object.entries(labels)) {
    const button = made("button", { type: "button", "aria-pressed": String(key === chosen) }, label);
    button.dataset.key = key;
    button.addEventListener("click", () => {
      for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
      choose(key);
    });
    group.append(button);
  }
  return group;
}

function action(label, help, act) {
  const button = made("button", { type: "button", class: "alone", title: help }, label);
  button.addEventListener("click", act);
  return button;
}

/** What stands above the panels; its keys are in stop.js. */
function toolbar(view) {
  const bar = made("div", { class: "bar", role: "toolbar", "aria-label": "Tools of the panels" });
  view.chooser = made("select", {}, ...view.cloud.colours.map(({ key, label }) => made("option", { value: key }, label)));
  view.chooser.addEventListener("change", () => view.colour(view.chooser.value));
  const label = made("label", {}, "Colour", view.chooser);
  const ways = Object.fromEntries(Object.entries(WAYS).filter(([key]) => key === "views" || view.cloud.places[key]));
  if (view.told_.scene) delete ways.views;
  const going = choice("ways", ways, view.way, (key) => view.go(key));
  going.setAttribute("aria-label", "What is shown");
  const tools = choice("tools", TOOLS, view.tool, (key) => { view.tool = key; touched(view); });
  tools.setAttribute("aria-label", "What dragging does");
  view.closing = action("Close-up", "Zoom every panel to the selected points", () => view.closeUp());
  view.clearing = action("Clear", "Select nothing (Escape)", () => view.clear());
  const whole = action("Whole", "Show all of every panel (double click)", () => view.reset());
  view.only = [tools, view.closing, whole, view.clearing, ...terrainButton(view)]; // of the panels alone
  bar.append(going, ...view.only, label);
  return bar;
}

/** How the stage takes a finger: a page is scrolled over it unless it draws. */
function touched(view) {
  view.stage.classList.toggle("draws", view.way === "views" && ["lasso", "box"].includes(view.tool));
  view.stage.classList.toggle("pans", view.way === "views" && view.tool === "pan");
}

const FILM_KEYS = "Space plays and pauses, arrow keys go a little, Home and End to the ends";
const FILM_STEP = 0.05; // of a way, with an arrow key

function film(view) {
  const play = made("button", { type: "button" }, "▶ Play");
  const slide = made("input", { type: "range", min: "0", step: "0.002", "aria-label": `Time of the motion. ${FILM_KEYS}` });
  const time = made("span", { class: "time" });
  play.addEventListener("click", () => view.motion.toggle());
  slide.addEventListener("input", () => { view.motion.stop(); view.motion.set(Number(slide.value)); });
  slide.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: -FILM_STEP, ArrowDown: -FILM_STEP, ArrowRight: FILM_STEP, ArrowUp: FILM_STEP }[event.key];
    if (to) { view.motion.stop(); view.motion.set(view.motion.t + to); }
    else if (event.key === " ") view.motion.toggle();
    else return;
    event.preventDefault();
  });
  Object.assign(view, { playing: play, slide, time });
  return made("div", { class: "motion" }, play, slide, time);
}

const NAMES = { rho: "x", m: "M(x)", m_network: "M(x)", reconstruction: "∇u(M(x))", field: "F(x)", grad_u: "∇u(x)" };

/** Text as it should be: writing the same again would have the page laid out anew. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Slider, words and sentence of where the motion is. */
function tellMotion(view) {
  const { motion } = view, moving = view.way !== "views";
  for (const part of view.only) if (part.hidden !== moving) part.hidden = moving;
  touched(view);
  if (!moving) {
    if (view.cursor < 0) say(view.values, view.hint());
    view.says.hidden = !view.told_.scene;
    return;
  }
  const { a, b, t } = motion.now();
  const now = performance.now(), soon = motion.playing && now - (motion.spoken ?? 0) < 100;
  if (!soon) { // ten times a second while it plays
    motion.spoken = now;
    Object.assign(view.slide, { max: String(motion.end), value: String(motion.t) });
    say(view.time, `t = ${motion.t.toFixed(2)}`);
  }
  say(view.playing, motion.playing ? "❚❚ Pause" : "▶ Play");
  const here = t === 0 ? a : t === 1 ? b : null;
  const [head, , foot] = view.moving.children;
  say(head, here ? NAMES[here.key] : view.way === "mccann"
    ? `(1 − t) x + t ∇u(x)` : `${NAMES[a.key]} → ${NAMES[b.key]}`);
  const ways = { position: "places in Ω, scaled as the model scales them", value: "values of F, one scale for both axes" };
  say(foot, here ? ways[here.space] : view.way === "mccann"
    ? "McCann's interpolation of ρ and ∇u♯ρ: the cheapest way, straight and at even speed"
    : a.space === b.space ? "M moves places about and keeps their density ρ" : "∇u takes places to values of F");
  const at = Math.round(motion.t);
  [...view.says.children].forEach((item, k) => {
    const current = k === at && view.way === "path";
    if (current === item.hasAttribute("aria-current")) return;
    if (current) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
  if (view.cursor < 0) say(view.values, view.hint());
}

function showLegend(view) {
  const { legend, coloured } = view;
  legend.replaceChildren();
  const wheel = coloured.key === "origin";
  legend.hidden = coloured.key === "selection";
  if (legend.hidden) return;
  const [w, h] = wheel ? [16, 16] : [256, 1];
  const canvas = made("canvas", { width: String(w), height: String(h), "aria-hidden": "true" });
  canvas.style.cssText = wheel ? "width:2.2rem;height:2.2rem" : "width:7rem;height:0.7rem";
  const context = canvas.getContext("2d"), image = context.createImageData(w, h);
  for (let k = 0; k < w * h; k++) {
    const at = wheel ? (h - 1 - Math.floor(k / w)) * w + (k % w) : k; // north is above
    image.data.set([coloured.lut[3 * at], coloured.lut[3 * at + 1], coloured.lut[3 * at + 2], 255], 4 * k);
  }
  context.putImageData(image, 0, 0);
  const value = (share) => {
    const raw = coloured.low + share * (coloured.high - coloured.low);
    return figure(coloured.log ? 10 ** raw : raw);
  };
  if (wheel) legend.append(canvas, "a point keeps the colour of the place of its x");
  else if (coloured.key === "density") legend.append("sparse", canvas, "dense");
  else legend.append(value(0), canvas, value(1), coloured.unit ? ` ${coloured.unit}` : "");
}

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
    if (moving) continue;
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
    if (key === "stage") continue;
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
    rings = view.shown.map((panel) => [spot(panel), view.frames.get(panel.key)]);
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
