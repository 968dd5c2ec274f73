// The points of a view: in which colours they are, and when they are painted.
const SLOW = 1500; // milliseconds for all points, above which pixels are filled without WebGL
const FIRST = 150000; // points that are seen at once where all of them take longer

class Picture {
  constructor(view, canvas) {
    this.view = view;
    this.use(painterFor(canvas, view.told_.renderer, () => this.rescue()));
  }

  use(painter) {
    this.painter = painter;
    this.canvas = painter.canvas;
    this.view.root.dataset.renderer = painter.name;
  }

  /** The graphics driver took WebGL away, or is too slow: fill pixels instead. */
  rescue() {
    if (this.ended) return;
    this.painter.end();
    this.use(painterFor(this.canvas, "raster", () => {}));
    this.view.layout();
  }

  // -- colours ---------------------------------------------------------------------------------------------------

  /** Under which name the colour that was chosen is kept: views that begin alike share it. */
  get memory() {
    return `colour after ${this.view.told_.colour}`;
  }

  colour(key) {
    const { cloud, chooser } = this.view;
    this.coloured = cloud.colours.find((colour) => colour.key === key) ?? cloud.colours[0];
    shelf.memory.set(this.memory, this.coloured.key);
    chooser.value = this.coloured.key;
    showLegend(this.view);
    this.repaint();
  }

  /** One value a point of the panel, as it is coloured now. */
  shades(panel) {
    const { key } = this.coloured, { cloud } = this.view;
    if (key === "density") {
      panel.density ??= indexOf(panel).density();
      return { key: `density ${panel.key}`, array: panel.density };
    }
    if (key === "law" && panel.law) { // such a panel is all of one
      const array = (cloud[panel.law] ??= new Uint8Array(cloud.n).fill(panel.law === "learnt" ? 255 : 0));
      return { key: panel.law, array };
    }
    if (key === "selection") return { key: "origin", array: cloud.colours[0].values };
    return { key, array: this.coloured.values };
  }

  /** How large a point of a panel is: the smaller, the more there are. */
  size(panel) {
    const width = this.view.frames.values().next().value?.rect.w ?? 300, crowd = panel.count / (width * width);
    return (crowd > 2 ? 1.2 : crowd > 0.6 ? 1.5 : crowd > 0.1 ? 2 : 3) * this.view.ratio;
  }

  look() {
    const { view, coloured } = this, width = view.frames.values().next().value?.rect.w ?? 300;
    const plain = coloured.key === "selection";
    return {
      lut: plain ? flat(view.selection ? view.accent : "#7a848f") : coloured.lut,
      strength: view.cloud.n > 0.1 * width * width ? 1 : 0.85,
      rest: view.dark ? [120, 132, 146, 70] : [120, 132, 146, 56],
      mask: view.way === "views" && view.selection ? view.selection.mask : null,
      values: (panel) => this.shades(panel),
    };
  }

  // -- painting --------------------------------------------------------------------------------------------------

  jobs() {
    const { view } = this;
    if (view.way === "views")
      return view.shown.map((panel) => {
        const frame = view.frames.get(panel.key), alone = view.terrain && panel.key === "rho"; // over the relief
        const size = alone ? Math.max(this.size(panel), 3 * view.ratio) : this.size(panel);
        return { rect: frame.device(view.ratio), a: panel, ta: frame.transform(panel), size, alone };
      });
    const { a, b, t } = view.motion.now(), frame = view.frames.get("stage");
    return frame ? [{ rect: frame.device(view.ratio), a, b, ta: staged(a), tb: staged(b), t, size: this.size(a) }] : [];
  }

  /** All points anew, in pieces: the first at once, so that a hand is answered at any number. */
  repaint(since = null) {
    this.since = since ?? this.since ?? null;
    this.painted = 0;
    this.piece ??= 30000;
    if (this.ticking || !this.view.frames.size) return;
    this.ticking = true;
    requestAnimationFrame(() => this.tick());
  }

  tick() {
    const { view } = this;
    this.ticking = false;
    if (this.ended || !view.cloud || view.motion.playing) return;
    const n = view.cloud.n;
    if (this.painted === 0) {
      drawFrames(view);
      drawMarks(view);
    }
    const raster = this.painter.name === "raster"; // it begins anew: what is selected lies over what is not
    const to = !raster ? Math.min(n, this.painted + this.piece) : this.painted || n < 3 * FIRST ? n : FIRST;
    const took = this.paintNow(to, raster ? 0 : this.painted);
    this.spent = (this.painted ? this.spent : 0) + took;
    if (took < 12) this.piece = Math.min(1 << 20, this.piece * 2);
    else if (took > 45) this.piece = Math.max(5000, this.piece >> 1);
    this.painted = to;
    if (to < n) {
      this.ticking = true;
      requestAnimationFrame(() => this.tick());
      return;
    }
    view.root.dataset.paintMs = this.spent.toFixed(1);
    if (this.spent > SLOW && this.painter.name === "webgl" && view.told_.renderer !== "webgl") this.rescue();
    this.prepare();
    if (this.since !== null) {
      view.root.dataset.selectMs = (performance.now() - this.since).toFixed(1);
      this.since = null;
    }
  }

  /** Build the grids of the panels one by one while nobody waits. */
  prepare() {
    const next = this.view.shown.find((panel) => !panel.index);
    if (!next) this.view.root.dataset.ready = "yes";
    if (!next || this.preparing) return;
    this.preparing = true;
    (globalThis.requestIdleCallback ?? ((act) => setTimeout(act, 30)))(() => {
      this.preparing = false;
      if (this.ended) return;
      indexOf(next);
      this.prepare();
    });
  }

  /** Paint points up to ``to``; returns the milliseconds that it took. */
  paintNow(to, from = 0) {
    const begun = performance.now();
    this.painter.paint(this.jobs(), this.look(), from, to);
    this.painter.finish();
    return performance.now() - begun;
  }

  end() {
    this.ended = true;
    this.painter.end();
  }
}

function brightness(colour) {
  const [r, g, b] = rgbOf(colour);
  return (0.3 * r + 0.6 * g + 0.1 * b) / 255;
}

/** 256 times the same colour. */
function flat(colour) {
  const rgb = rgbOf(colour);
  return Uint8Array.from({ length: 768 }, (_, k) => rgb[k % 3]);
}

function rgbOf(colour) {
  const context = made("canvas", { width: "1", height: "1" }).getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}
