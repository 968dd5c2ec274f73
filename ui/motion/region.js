// A region from above, as a shaded map, and in space: the film tilts it and takes the visitor once round it.
const ROUND_SECONDS = 14, TILT_SHARE = 0.22; // of the film at speed 1; its share from above to the side
const SIDEWAYS = 0.55; // radians above the horizon
const SHORTEST = 3; // pixels of an arrow that is drawn
const FORE = 0.03; // how much nearer an arrow counts than the ground below it

class Region extends Scene {
  build(head, array) {
    this.canvases = [];
    const nodes = array("nodes"), colours = array("colours"), { columns } = head;
    const points = Array.from({ length: nodes.length / 3 }, (_, k) => [...nodes.subarray(3 * k, 3 * k + 3)]);
    const cell = (first) => 4 * (Math.floor(first / columns) * (columns - 1) + (first % columns));
    const kept = (corners) => corners.every((at) => Number.isFinite(points[at][2])) && colours[cell(corners[0]) + 3] > 0;
    this.surface = new Surface(points, columns, (first) => [0, 1, 2].map((c) => colours[cell(first) + c]), kept, false);
    // In motion every second node: a quarter of the cells.
    const half = (k) => Array.from({ length: Math.ceil(k / 2) }, (_, n) => 2 * n);
    const thin = half(points.length / columns).flatMap((row) => half(columns).map((column) => row * columns + column));
    const whole = (first) => Math.min(thin[first], points.length - columns - 2);
    const there = (corners) => corners.every((at) => Number.isFinite(points[thin[at]][2])) && colours[cell(whole(corners[0])) + 3] > 0;
    this.coarse = new Surface(thin.map((at) => points[at]), half(columns).length, (first) => [0, 1, 2].map((c) => colours[cell(whole(first)) + c]), there, false);
    this.arrows = [array("tails"), array("heads")];
    this.picture = made("canvas", { width: String(head.picture.columns), height: String(head.picture.rows) });
    this.picture.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(array("picture")), head.picture.columns, head.picture.rows), 0, 0);
    this.clock = new Clock(this, ROUND_SECONDS);
    this.clock.t = TILT_SHARE;
    this.off = { turn: 0, tilt: 0 };
    this.shown ??= true;
    const plot = made("div", { class: "plot turns" });
    plot.style.cssText = "aspect-ratio:1.45;max-width:50rem";
    this.stage = this.canvas(plot);
    plot.addEventListener("pointerdown", (event) => { this.held = [event.clientX, event.clientY]; plot.setPointerCapture(event.pointerId); });
    plot.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) plot.addEventListener(name, () => { this.held = null; this.draw(); });
    const above = made("button", { type: "button" }, "From above");
    const side = made("button", { type: "button" }, "In space");
    above.addEventListener("click", () => this.go(0));
    side.addEventListener("click", () => this.go(TILT_SHARE));
    const arrows = made("input", { type: "checkbox" });
    arrows.checked = this.shown;
    arrows.addEventListener("change", () => { this.shown = arrows.checked; this.draw(); });
    const film = controls(this, [above, side, made("label", { class: "check" }, arrows, head.word), saved(this, () => [[this.stage]], head.name)]);
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", head.label);
    const framed = made("div", { class: "cell" }, plot, film);
    framed.style.maxWidth = "50rem";
    this.root.replaceChildren(framed);
  }

  go(t) {
    this.clock.stop();
    this.off = { turn: 0, tilt: 0 };
    this.clock.set(t);
  }

  drag(event) {
    if (!this.held) return;
    this.off.turn += (event.clientX - this.held[0]) * 0.01;
    this.off.tilt += (event.clientY - this.held[1]) * 0.01;
    this.held = [event.clientX, event.clientY];
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (!this.ended) this.draw();
    });
  }

  /** Where the film stands, and what a hand has turned it by. */
  eye() {
    const { t } = this.clock, down = Math.min(1, t / TILT_SHARE), ease = down * down * (3 - 2 * down);
    const round = Math.max(0, (t - TILT_SHARE) / (1 - TILT_SHARE)), tilt = Math.PI / 2 + ease * (SIDEWAYS - Math.PI / 2) + this.off.tilt;
    return new Eye(ease * -0.45 + round * 2 * Math.PI + this.off.turn, Math.max(0.08, Math.min(Math.PI / 2, tilt)));
  }

  draw() {
    if (!this.stage?.w) return;
    const { w, h } = this.stage, pen = clean(this, this.stage), eye = this.eye(), [hx, hy] = this.head.half;
    const flat = eye.tilt > Math.PI / 2 - 1e-3 && eye.turn === 0, side = 1.08 * Math.hypot(hx, hy);
    const unit = flat ? Math.min(w / (2.06 * hx), h / (2.06 * hy)) : Math.min(w / (2 * side), h / (1.75 * side * Math.sin(eye.tilt) + 0.5));
    const middle = flat ? h / 2 : h / 2 + 0.16 * unit * Math.cos(eye.tilt);
    const place = ([a, b]) => [w / 2 + unit * a, middle + unit * b];
    const things = this.shown ? this.drawn(pen, eye, place, flat) : [];
    if (flat) {
      pen.imageSmoothingEnabled = true;
      pen.drawImage(this.picture, w / 2 - unit * hx, h / 2 - unit * hy, 2 * unit * hx, 2 * unit * hy);
      for (const thing of things) thing.paint();
    } else (this.clock.playing || this.held ? this.coarse : this.surface).draw(pen, eye, place, things);
    this.compass(pen, eye);
    const t = this.clock.t < TILT_SHARE ? "from above to the side" : "round the region";
    tellTime(this, this.clock.t === 0 ? "from above" : t);
  }

  /** The arrows as they are seen, each with what paints it. */
  drawn(pen, eye, place, flat) {
    const [tails, heads] = this.arrows, found = [], size = this.stage.w < 500 ? 4 : 6;
    const own = [1.6, this.head.colour], rims = this.clock.playing ? [own] : [[3.4, "rgba(255,255,255,0.75)"], own];
    for (let k = 0; k < tails.length; k += 3) {
      const [tail, head] = [tails, heads].map((ends) => eye.see([ends[k], ends[k + 1], flat ? 0 : ends[k + 2]]));
      const [ax, ay] = place(tail), [bx, by] = place(head), length = Math.hypot(bx - ax, by - ay);
      if (length < SHORTEST) continue;
      const paint = () => {
        const [ux, uy] = length ? [(bx - ax) / length, (by - ay) / length] : [0, 0], tip = Math.min(size, 0.6 * length);
        for (const [width, ink] of rims) {
          Object.assign(pen, { strokeStyle: ink, lineWidth: width, lineJoin: "round", lineCap: "round" });
          pen.beginPath();
          pen.moveTo(ax, ay);
          pen.lineTo(bx, by);
          pen.moveTo(bx - tip * (ux - 0.55 * uy), by - tip * (uy + 0.55 * ux));
          pen.lineTo(bx, by);
          pen.lineTo(bx - tip * (ux + 0.55 * uy), by - tip * (uy - 0.55 * ux));
          pen.stroke();
        }
      };
      found.push({ depth: (tail[2] + head[2]) / 2 - FORE, paint });
    }
    return found;
  }

  /** Where north is. */
  compass(pen, eye) {
    const [a, b] = eye.see([0, 1, 0]), length = 22 / Math.max(0.3, Math.hypot(a, b)), [x, y] = [34, 38];
    const [dx, dy] = [a * length, b * length];
    Object.assign(pen, { strokeStyle: this.ink, fillStyle: this.ink, lineWidth: 1.6, font: `600 12px ${this.font}`, textAlign: "center", textBaseline: "middle" });
    pen.beginPath();
    pen.moveTo(x - dx * 0.5, y - dy * 0.5);
    pen.lineTo(x + dx * 0.5, y + dy * 0.5);
    pen.stroke();
    pen.fillText(this.head.north, x + dx * 0.95, y + dy * 0.95);
  }
}

export default mounting(Region);
