// What a visitor does with pointer and keys on the stage of a view.
const REACH = { mouse: 14, pen: 18, touch: 26 }; // pixels from a point at which it is meant

class Hand {
  constructor(view) {
    this.view = view;
    this.drawn = null; // the path of a lasso or the corners of a box, in pixels
    this.panel = null;
    this.caret = null; // where the arrow keys are: {panel, px, py}
    this.anchor = null;
    this.waiting = null;
    const stage = view.stage;
    const on = (name, act) => stage.addEventListener(name, act, { passive: false });
    on("pointermove", (event) => this.move(event));
    on("pointerdown", (event) => this.down(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", () => this.cancel());
    on("pointerleave", (event) => event.pointerType === "mouse" && !this.drawn && view.hover(-1, null));
    on("keydown", (event) => this.key(event));
    on("wheel", (event) => this.wheel(event));
    on("dblclick", () => view.reset());
  }

  spot(event) {
    const box = this.view.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  move(event) {
    const spot = this.spot(event);
    if (this.drawn) {
      const last = this.drawn[this.drawn.length - 1];
      if (this.tool === "pan") this.view.pan(this.panel, spot[0] - last[0], spot[1] - last[1]);
      if (this.tool === "pan" || this.tool === "box") this.drawn[1] = spot;
      else if (Math.hypot(spot[0] - last[0], spot[1] - last[1]) > 2) this.drawn.push(spot);
      if (this.tool === "pan") this.drawn = [spot];
      this.view.refresh();
      return;
    }
    if (this.waiting === null) requestAnimationFrame(() => this.look());
    this.waiting = [spot, event.pointerType, event.timeStamp];
  }

  /** At most once a frame. */
  look() {
    const [spot, kind, since] = this.waiting;
    this.waiting = null;
    if (this.view.ended) return;
    const [index, panel] = this.view.hit(spot, REACH[kind] ?? REACH.mouse);
    this.view.hover(index, panel);
    this.view.root.dataset.hoverMs = (performance.now() - since).toFixed(1);
  }

  down(event) {
    if (event.button > 0 || this.view.way !== "views") return this.move(event);
    const spot = this.spot(event);
    this.tool = event.shiftKey ? "box" : this.view.tool;
    this.panel = this.view.panelAt(spot);
    if (this.tool === "inspect" || !this.panel) return this.move(event);
    this.view.stage.setPointerCapture(event.pointerId);
    this.drawn = [spot];
  }

  up(event) {
    if (!this.drawn) return;
    const path = this.tool === "box" ? boxOf(this.drawn) : this.drawn;
    const panel = this.panel, tool = this.tool, since = event.timeStamp;
    this.cancel();
    if (tool === "pan") return;
    if (path.length < 3 || extent(path) < 6) {
      this.move(event);
      return;
    }
    this.view.choose(panel, simplified(path), since);
  }

  cancel() {
    this.drawn = null;
    this.view.refresh();
  }

  wheel(event) {
    if (!event.ctrlKey || this.view.way !== "views") return; // the wheel alone scrolls the page
    event.preventDefault();
    const spot = this.spot(event), panel = this.view.panelAt(spot);
    if (panel) this.view.zoom(panel, spot, Math.exp(event.deltaY * 0.004));
  }

  key(event) {
    if (this.view.way !== "views") return; // the slider has the keys of a film
    const far = event.shiftKey ? 40 : 10;
    const steps = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
    if (event.key in steps) this.walk(...steps[event.key]);
    else if (event.key === "PageDown" || event.key === "PageUp") this.turn(event.key === "PageDown" ? 1 : -1);
    else if (event.key === "Enter") this.mark();
    else if (event.key === "Escape") this.escape();
    else return;
    event.preventDefault();
  }

  /** The caret goes on from the point that is seen, and the nearest point in that direction is seen next. */
  walk(dx, dy) {
    const view = this.view;
    const panel = this.caret?.panel ?? view.shown[0];
    const frame = view.frames.get(panel.key);
    const { x, y, w, h } = frame.rect;
    let [px, py] = this.caret ? [this.caret.px, this.caret.py] : [x + w / 2, y + h / 2];
    const before = view.cursor;
    for (let step = 0; step < 60; step++) {
      px = Math.max(x, Math.min(x + w, px + dx));
      py = Math.max(y, Math.min(y + h, py + dy));
      const index = view.near(panel, px, py, Math.max(Math.abs(dx), Math.abs(dy)));
      if (index >= 0 && index !== before) break;
    }
    this.caret = { panel, px, py };
    const found = view.near(panel, px, py, 40);
    view.hover(found >= 0 ? found : before, panel);
  }

  turn(by) {
    const shown = this.view.shown, at = Math.max(0, shown.indexOf(this.caret?.panel));
    const panel = shown[(at + by + shown.length) % shown.length], frame = this.view.frames.get(panel.key);
    const { x, y, w, h } = frame.rect;
    const here = this.view.cursor >= 0 && this.view.cursor < panel.count ? frame.px(...this.view.point(panel, this.view.cursor)) : [x + w / 2, y + h / 2];
    this.caret = { panel, px: Math.max(x, Math.min(x + w, here[0])), py: Math.max(y, Math.min(y + h, here[1])) };
    this.anchor = null;
    this.view.hover(this.view.cursor, panel);
  }

  /** Enter sets a corner of a box; again, the opposite one. */
  mark() {
    if (!this.caret) return;
    const { panel, px, py } = this.caret;
    if (!this.anchor || this.anchor.panel !== panel) {
      this.anchor = { panel, px, py };
      return this.view.refresh();
    }
    const box = boxOf([[this.anchor.px, this.anchor.py], [px, py]]);
    this.anchor = null;
    if (extent(box) >= 2) this.view.choose(panel, box, performance.now());
  }

  escape() {
    if (this.drawn || this.anchor) {
      this.anchor = null;
      this.cancel();
    } else if (this.view.cursor >= 0) {
      this.caret = null;
      this.view.hover(-1, null);
    } else {
      this.view.clear();
    }
  }
}

function boxOf([[ax, ay], [bx, by] = [ax, ay]]) {
  return [[ax, ay], [bx, ay], [bx, by], [ax, by]];
}

function extent(path) {
  const xs = path.map((p) => p[0]), ys = path.map((p) => p[1]);
  return Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
}
