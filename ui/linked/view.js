// The linked view: panels of one cloud each, all of the same samples; one canvas of points, one of frames, one of marks.
const TOOLS = { inspect: "Inspect", lasso: "Lasso", box: "Box", pan: "Pan" };
const WAYS = { views: "Side by side", path: "x → M(x) → F(x)", mccann: "ρ → ∇u♯ρ" };
const NARROW = 640; // pixels across, below which panels stand two in a row
// what is compared stays together
const NARROW_ORDER = ["field", "grad_u", "rho", "m", "reconstruction", "m_network", "tsne_values", "tsne_positions"];
const KEYS = "Arrow keys go from point to point, Page Up and Page Down from panel to panel, Enter sets the corners of a "
  + "box, Escape takes back";

class LinkedView {
  constructor(host) {
    this.host = host;
    this.root = made("div", { class: "npf-linked" });
    this.tool = matchMedia("(pointer: coarse)").matches ? "inspect" : "lasso";
    this.way = "views";
    this.cursor = -1;
    this.selection = null; // {key, axes, polygon, text, mask, count}
    this.ranges = {};
    this.frames = new Map();
    this.shown = [];
    this.waitsFor = null;
    this.forget = () => {};
    host.append(this.root);
    this.watch = new ResizeObserver(() => this.layout());
  }

  /** What Python says; ``send``: how to answer it. */
  update(told, send) {
    this.told_ = told;
    this.send = send;
    const pushed = told.push !== this.push;
    this.push = told.push;
    if (told.id !== this.waitsFor) {
      this.waitsFor = told.id;
      this.forget();
      this.forget = whenThere(told.id, (cloud) => this.take(cloud));
    } else if (this.cloud) {
      if (pushed) this.select(told.selection ?? "");
      this.restyle();
    }
  }

  /** Draw another cloud. */
  take(cloud) {
    if (this.ended) return;
    const first = !this.cloud;
    this.cloud = cloud;
    if (first) this.way = this.told_.way ?? "views";
    this.root.classList.toggle("scene", Boolean(this.told_.scene));
    this.build();
    this.ranges = {};
    this.cursor = -1;
    this.select(this.told_.selection ?? "", false);
    this.restyle();
    this.layout();
    this.watch.disconnect();
    this.watch.observe(this.stage);
  }

  build() {
    this.picture?.end();
    this.bar = toolbar(this);
    this.stage = made("div", { class: "stage", tabindex: "0", role: "application",
      "aria-label": `${this.told_.label ?? "Linked clouds"}: ${this.cloud.n.toLocaleString("en")} samples. ${KEYS}. ${TO_TOOLS}.` });
    this.axes = made("canvas", { "aria-hidden": "true" });
    const points = made("canvas", { "aria-hidden": "true" });
    this.over = made("canvas", { "aria-hidden": "true" });
    this.grid = made("div", { class: "grid", "aria-hidden": "true" });
    this.cells = new Map(this.cloud.panels.map((panel) => [panel.key, cell(panel)]));
    this.moving = cell({ title: "", axes: ["", ""] });
    this.grid.append(...this.cells.values(), this.moving);
    this.stage.append(this.axes, points, this.over, this.grid);
    this.motion?.stop();
    this.motion = new Motion(this);
    this.film = film(this);
    this.values = made("output", { class: "values", "aria-live": "polite" });
    this.legend = made("div", { class: "legend" });
    this.says = made("ol", { class: "says" }, ...(this.told_.sentences ?? []).map((text) => {
      const item = made("li");
      item.textContent = text;
      return item;
    }));
    const below = made("div", { class: "below" }, this.values, this.legend);
    this.root.replaceChildren(this.bar, this.stage, this.film, this.says, below);
    this.settle = this.settle ?? oneStop(this.root, () => (this.way === "views" ? this.stage : this.slide),
      () => `${this.way === "views" ? KEYS : FILM_KEYS}. ${TO_TOOLS}.`);
    this.settle();
    this.picture = new Picture(this, points);
    this.hand = new Hand(this);
    this.picture.colour(shelf.memory.get(this.picture.memory) ?? this.told_.colour);
  }

  /** The colours of the theme. */
  restyle() {
    const style = getComputedStyle(this.root);
    const theme = ["text", "background", "link"].map((name) => style.getPropertyValue(`--st-${name}-color`)).join();
    if (theme === this.theme) return;
    this.theme = theme;
    this.ink = style.getPropertyValue("--st-text-color").trim() || "#1c2a36";
    this.ground = style.getPropertyValue("--st-background-color").trim() || "#ffffff";
    this.accent = style.getPropertyValue("--st-link-color").trim() || "#0b6e8f";
    this.dark = brightness(this.ground) < 0.5;
    this.picture.repaint();
  }

  layout() {
    if (!this.cloud || this.ended) return;
    const box = this.root.getBoundingClientRect();
    if (!box.width) return;
    const narrow = box.width < NARROW, views = this.way === "views";
    this.root.classList.toggle("narrow", narrow);
    this.root.classList.toggle("moving", !views);
    const inRow = (row) => this.cloud.panels.filter((panel) => panel.row === row).length;
    const columns = narrow ? 2 : Math.max(inRow(0), inRow(1));
    this.grid.style.gridTemplateColumns = views ? `repeat(${columns}, minmax(0, 1fr))` : "";
    for (const [key, element] of this.cells) {
      element.hidden = !views;
      element.style.order = narrow ? String(NARROW_ORDER.indexOf(key)) : "";
      element.style.gridRow = narrow ? "" : String(this.cloud.byKey.get(key).row + 1);
    }
    this.moving.hidden = views;
    this.film.hidden = views;
    const stage = this.stage.getBoundingClientRect();
    this.ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    for (const canvas of [this.axes, this.picture.canvas, this.over]) {
      const [w, h] = [Math.round(stage.width * this.ratio), Math.round(stage.height * this.ratio)];
      if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    }
    const rect = (element) => {
      const plot = element.querySelector(".plot").getBoundingClientRect();
      return { x: plot.left - stage.left, y: plot.top - stage.top, w: plot.width, h: plot.height };
    };
    this.frames.clear();
    this.shown = views ? [...this.cloud.panels] : [];
    if (narrow) this.shown.sort((a, b) => NARROW_ORDER.indexOf(a.key) - NARROW_ORDER.indexOf(b.key));
    for (const panel of this.shown) {
      const where = rect(this.cells.get(panel.key));
      this.frames.set(panel.key, new Frame(where, fitted(this.rangeOf(panel), panel.ratio, where.w, where.h)));
    }
    if (!views) this.frames.set("stage", new Frame(rect(this.moving), [-STAGE, STAGE, -STAGE, STAGE]));
    this.told();
    this.picture.repaint();
  }

  /** What a panel shows: all panels of a space the same. */
  rangeOf(panel) {
    return this.ranges[panel.space] ?? panel.range;
  }

  /** Whether the relief lies under rho. */
  get terrain() {
    return Boolean(this.cloud.relief && shelf.memory.get("terrain"));
  }

  /** Marks alone: what lies over the points. */
  refresh() {
    if (this.marking) return;
    this.marking = true;
    requestAnimationFrame(() => {
      this.marking = false;
      if (!this.ended && this.cloud) drawMarks(this);
    });
  }

  // -- motion ----------------------------------------------------------------------------------------------------

  go(way) {
    this.motion.stop();
    this.way = way;
    this.motion.t = 0;
    this.settle();
    showLegend(this);
    this.layout();
  }

  moved() {
    this.told();
    this.picture.repaint();
  }

  told() {
    tellMotion(this);
    drawMarks(this);
  }

  // -- a point ---------------------------------------------------------------------------------------------------

  panelAt([px, py]) {
    return this.shown.find((panel) => this.frames.get(panel.key).holds(px, py)) ?? null;
  }

  point(panel, i) {
    return [coordinate(panel, i, 0), coordinate(panel, i, 1)];
  }

  near(panel, px, py, reach) {
    const frame = this.frames.get(panel.key);
    return indexOf(panel).nearest(...frame.data(px, py), frame.pixels, reach);
  }

  hit(spot, reach) {
    if (this.way !== "views") return [nearestMoving(this, spot, reach), null];
    const panel = this.panelAt(spot);
    return panel ? [this.near(panel, ...spot, reach), panel] : [-1, null];
  }

  hover(index, panel) {
    const same = index === this.cursor && panel === this.from;
    this.cursor = index;
    this.from = panel;
    if (same) return;
    drawMarks(this);
    this.values.textContent = index >= 0 ? describe(this, index) : this.hint();
  }

  hint() {
    return this.way === "views"
      ? "Point at a sample: it lights up in every panel, with its way x → M(x) → F(x)."
      : "Each point keeps the colour of its x. Point at one to see its way.";
  }

  // -- a selection -----------------------------------------------------------------------------------------------

  /** Select what lies within a path of pixels in a panel, and tell Python. */
  choose(panel, path, since) {
    const frame = this.frames.get(panel.key);
    const polygon = path.map(([px, py]) => frame.data(px, py));
    delete this.root.dataset.selectMs;
    const text = writeSelection(panel.key, this.cloud.axes, polygon, frame.range);
    this.select(text, true, since);
    this.send(text);
  }

  /** Show a selection as a link has it; "" for none. */
  select(text, paint = true, since = null) {
    const read = text ? readSelection(text) : null;
    const panel = read && this.cloud.byKey.get(read.key);
    const known = panel && read.axes.join() === this.cloud.axes.join();
    this.selection = known ? { ...read, text, ...indexOf(panel).inside(read.polygon, this.cloud.n) } : null;
    this.root.dataset.selected = this.selection ? String(this.selection.count) : "";
    for (const button of [this.clearing, this.closing]) button.disabled = !this.selection;
    if (paint) this.picture.repaint(since);
  }

  clear() {
    if (!this.selection) return;
    this.select("");
    this.send("");
  }

  // -- what is shown of the panels -------------------------------------------------------------------------------

  reset() {
    this.ranges = {};
    this.layout();
  }

  pan(panel, dx, dy) {
    const frame = this.frames.get(panel.key), [sx, sy] = frame.pixels, [x0, x1, y0, y1] = frame.range;
    this.ranges[panel.space] = [x0 - dx / sx, x1 - dx / sx, y0 + dy / sy, y1 + dy / sy];
    this.layout();
  }

  zoom(panel, spot, factor) {
    const frame = this.frames.get(panel.key), [x, y] = frame.data(...spot), [x0, x1, y0, y1] = frame.range;
    const to = (value, about) => about + (value - about) * factor;
    this.ranges[panel.space] = [to(x0, x), to(x1, x), to(y0, y), to(y1, y)];
    this.layout();
  }

  /** Every space as near as the selected points of its panels allow. */
  closeUp() {
    if (!this.selection?.count) return;
    for (const space of new Set(this.cloud.panels.map((panel) => panel.space))) {
      const panels = this.cloud.panels.filter((panel) => panel.space === space);
      const range = [Infinity, -Infinity, Infinity, -Infinity];
      for (const panel of panels)
        for (const k of [0, 1]) {
          const [low, high] = middleOf(panel, this.selection.mask, k);
          range[2 * k] = Math.min(range[2 * k], low);
          range[2 * k + 1] = Math.max(range[2 * k + 1], high);
        }
      const pad = [0, 2].map((k) => 0.12 * (range[k + 1] - range[k]) || 1e-9);
      this.ranges[space] = [range[0] - pad[0], range[1] + pad[0], range[2] - pad[1], range[3] + pad[1]];
    }
    this.layout();
  }

  end() {
    this.ended = true;
    this.forget();
    this.motion?.stop();
    this.watch.disconnect();
    this.picture?.end();
    this.root.remove();
  }
}
