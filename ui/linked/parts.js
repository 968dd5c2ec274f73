// The parts of a view beside its pictures: tools, film, words and legend.

function cell(panel) {
  const head = made("div", { class: "head" }), foot = made("div", { class: "foot" });
  writeTitle(head, panel.title);
  if (panel.colour) head.style.borderBottom = `2px solid ${panel.colour}`;
  foot.textContent = panel.foot ?? (panel.axes[0] ? `→ ${panel.axes[0]}, ↑ ${panel.axes[1]}` : "");
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
  view.chooser.addEventListener("change", () => view.picture.colour(view.chooser.value));
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

/** What the colours mean, and the heights where the terrain is seen. */
function showLegend(view) {
  const { legend } = view, { coloured } = view.picture, shown = [];
  const value = (share) => {
    const raw = coloured.low + share * (coloured.high - coloured.low);
    return figure(coloured.log ? 10 ** raw : raw);
  };
  const unit = coloured.unit ? ` ${coloured.unit}` : "";
  if (coloured.key === "origin") shown.push(swatch(coloured.lut, 16), "a point keeps the colour of the place of its x");
  else if (coloured.key === "density") shown.push("sparse", swatch(coloured.lut), "dense");
  else if (coloured.key === "law") shown.push("given: F♯ρ, ρ", swatch(coloured.lut), "learnt: ∇u♯ρ, M♯ρ");
  else if (coloured.key !== "selection") shown.push(value(0), swatch(coloured.lut), `${value(1)}${unit}`);
  if (view.terrain && view.way === "views") {
    const { low, high, lut } = view.cloud.relief;
    shown.push(made("span", { class: "heights" }, "below ρ, lit from the north-west:"), `${figure(low)} m`, swatch(lut), `${figure(high)} m`);
  }
  legend.replaceChildren(...shown);
  legend.hidden = !shown.length;
}

/** A bar of 256 colours, or the colours of the plane on ``side`` by ``side``, north above. */
function swatch(lut, side = 0) {
  const [w, h] = side ? [side, side] : [256, 1];
  const canvas = made("canvas", { width: String(w), height: String(h), "aria-hidden": "true" });
  canvas.style.cssText = side ? "width:2.2rem;height:2.2rem" : "width:7rem;height:0.7rem";
  const context = canvas.getContext("2d"), image = context.createImageData(w, h);
  for (let k = 0; k < w * h; k++) {
    const at = side ? (h - 1 - Math.floor(k / w)) * w + (k % w) : k;
    image.data.set([lut[3 * at], lut[3 * at + 1], lut[3 * at + 2], 255], 4 * k);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
