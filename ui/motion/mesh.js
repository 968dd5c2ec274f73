// A lattice of cells that a map carries along: each cell filled with its colour, from x to M(x) and on to grad u(M(x)).
const MESH_SECONDS = 4, MESH_REST = 0.12; // of one way at speed 1; the share of it that rests at the end
const MESH_STAGE = 1.14; // half the side of what is shown, positions being in [-1, 1]

class Mesh extends Scene {
  build(head, array) {
    this.canvases = [];
    this.nodes = ["x", "m", "f"].map((name) => array(name));
    this.cells = array("cells");
    this.ratios = array("ratios");
    this.turned = array("turned");
    this.luts = { size: array("size_lut"), place: array("place_lut") };
    this.index = { size: array("size_index"), place: array("place_index") };
    this.arrives = { index: array("arrives_index"), ratios: array("arrives") };
    this.coloured ??= "size";
    this.ways ??= 1;
    this.clock = new Clock(this, MESH_SECONDS * this.ways);
    const [moving, still] = [0, 1].map(() => {
      const plot = made("div", { class: "plot" });
      plot.style.cssText = "aspect-ratio:1;max-width:36rem";
      return plot;
    });
    this.stage = this.canvas(moving);
    this.over = this.canvas(moving);
    this.map = this.canvas(still);
    moving.addEventListener("pointermove", (event) => this.point(event));
    still.addEventListener("pointermove", (event) => this.pointArrives(event));
    for (const plot of [moving, still]) plot.addEventListener("pointerleave", () => this.see(-1));
    this.head_ = made("div", { class: "head" });
    this.values = made("output", { class: "values" });
    const ways = choice("How far", { 1: "x → M(x)", 2: "x → M(x) → F(x)" }, String(this.ways), (ways) => this.far(Number(ways)));
    const chooser = made("select", {}, made("option", { value: "size" }, head.size), made("option", { value: "place" }, "place of x"));
    chooser.value = this.coloured;
    chooser.addEventListener("change", () => { this.coloured = chooser.value; this.legend(); this.draw(); });
    this.legend_ = made("div", { class: "legend" });
    const bar = made("div", { class: "bar" }, ways, made("label", {}, "Colour", chooser));
    const film = controls(this, [saved(this, () => [[this.stage], [this.map]], head.name)]);
    const arrived = made("div", { class: "legend" }, ...scale(this.luts.size, ...head.arrives_legend));
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", head.label);
    this.root.replaceChildren(bar, made("div", { class: "cells pair" },
      made("div", { class: "cell" }, this.head_, moving, this.legend_, film),
      made("div", { class: "cell" }, made("div", { class: "head" }, head.arrives_title), still, arrived)), this.values);
    this.legend();
    this.see(-1);
  }

  far(ways) {
    this.clock.stop();
    const at = this.clock.t * this.ways;
    this.ways = ways;
    this.clock.seconds = MESH_SECONDS * ways;
    this.clock.set(Math.min(at, ways) / ways);
  }

  legend() {
    const size = this.coloured === "size";
    this.legend_.replaceChildren(...(size ? scale(this.luts.size, ...this.head.size_legend) : ["each cell in the colour of its place"]));
  }

  placed() {
    const { w, h } = this.stage;
    this.frame = new Frame({ x: 0, y: 0, w, h }, [-MESH_STAGE, MESH_STAGE, -MESH_STAGE, MESH_STAGE]);
    const pen = clean(this, this.map), { side } = this.head, [x0, y0] = this.frame.px(-1, 1), [x1] = this.frame.px(1, 1);
    const step = (x1 - x0) / side, { offset, scale } = this.head.user;
    this.cells.forEach((cell, c) => {
      pen.fillStyle = shade(this.luts.size, this.arrives.index[c]);
      pen.fillRect(x0 + (cell % side) * step, y0 + (side - 1 - Math.floor(cell / side)) * step, step + 0.4, step + 0.4);
    });
    const ends = [0, 1].flatMap((c) => [-1, 1].map((sign) => offset[c] + sign * MESH_STAGE * scale[c]));
    this.told = new Frame({ x: 0, y: 0, w, h }, ends); // the same in the units of x
    drawTicks(this, pen, this.told);
  }

  /** The two places that are mixed now and the share of the second, eased, with a rest at the end. */
  now() {
    const at = this.clock.t * this.ways, k = Math.min(this.ways - 1, Math.floor(at));
    const share = Math.min(1, (at - k) / (1 - MESH_REST));
    return { k, s: share * share * (3 - 2 * share) };
  }

  draw() {
    if (!this.frame) return;
    const { k, s } = this.now(), [a, b] = [this.nodes[k], this.nodes[k + 1]], pen = clean(this, this.stage);
    const spots = (this.spots ??= new Float32Array(a.length)), [sx, sy] = this.frame.pixels, middle = this.stage.w / 2;
    for (let i = 0; i < a.length; i += 2) {
      spots[i] = middle + sx * (a[i] + s * (b[i] - a[i]));
      spots[i + 1] = middle - sy * (a[i + 1] + s * (b[i + 1] - a[i + 1]));
    }
    const edge = MESH_STAGE - 1, { w } = this.stage, inset = (w * edge) / (2 * MESH_STAGE);
    if (k === 0) {
      Object.assign(pen, { strokeStyle: "rgba(128,136,148,0.7)", lineWidth: 1 });
      pen.strokeRect(inset, inset, w - 2 * inset, w - 2 * inset); // Omega's box
    }
    const index = this.index[this.coloured], lut = this.luts[this.coloured];
    Object.assign(pen, { lineWidth: 0.7, strokeStyle: this.ink, lineJoin: "round" });
    this.paths = [];
    for (let c = 0; c < this.cells.length; c++) {
      const path = this.outline(this.cells[c]);
      pen.globalAlpha = 0.78; // sheets that lie over one another are seen
      pen.fillStyle = shade(lut, index[c]);
      pen.fill(path);
      pen.globalAlpha = 0.45;
      pen.stroke(path);
      this.paths.push(path);
    }
    pen.globalAlpha = 1;
    if (k === 0) drawTicks(this, pen, this.told); // F has other units
    this.mark();
    const [from, to] = this.head.places.slice(k, k + 2);
    say(this.head_, s === 0 ? from : s === 1 ? to : `${from} → ${to}`);
    tellTime(this, `t = ${(this.clock.t * this.ways).toFixed(2)}`);
  }

  /** The way round the image of a cell, by the nodes on its sides. */
  outline(cell) {
    const { side, fine } = this.head, k = side * fine + 1, { spots } = this;
    const first = Math.floor(cell / side) * fine * k + (cell % side) * fine, path = new Path2D();
    let at = first;
    path.moveTo(spots[2 * at], spots[2 * at + 1]);
    for (const step of [1, k, -1, -k])
      for (let part = 0; part < fine; part++) {
        at += step;
        path.lineTo(spots[2 * at], spots[2 * at + 1]);
      }
    path.closePath();
    return path;
  }

  point(event) {
    if (this.clock.playing) return;
    const box = this.over.getBoundingClientRect(), r = this.ratio;
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    this.stage.pen.setTransform(1, 0, 0, 1, 0, 0); // a path is tested in the canvas's own pixels
    let found = this.paths.length - 1;
    while (found >= 0 && !this.stage.pen.isPointInPath(this.paths[found], x, y)) found -= 1;
    this.stage.pen.setTransform(r, 0, 0, r, 0, 0);
    this.see(found);
  }

  pointArrives(event) {
    const box = this.map.getBoundingClientRect(), { side, user } = this.head;
    const at = this.frame.data(event.clientX - box.left, event.clientY - box.top);
    const [column, row] = at.map((value) => Math.floor(((value + 1) / 2) * side));
    const found = this.cells.indexOf(column >= 0 && column < side ? row * side + column : -1);
    if (found < 0) return this.see(-1);
    const spot = at.map((value, c) => place(user.offset[c] + user.scale[c] * value, user.width[c])).join(", ");
    say(this.values, `around (${spot})  ·  M brings ${figure(this.arrives.ratios[found])} times what was there`);
  }

  see(cell) {
    this.seen = cell;
    if (this.paths) this.mark();
    if (cell < 0) return say(this.values, "Point at a cell to read what becomes of it.");
    const { side, fine, user } = this.head, k = side * fine + 1, own = this.cells[cell];
    const middle = (Math.floor(own / side) * fine + (fine >> 1)) * k + (own % side) * fine + (fine >> 1);
    const spot = (nodes, { scale, offset, width }) => [0, 1].map((c) => place(offset[c] + scale[c] * nodes[2 * middle + c], width[c])).join(", ");
    const [x, m] = this.nodes;
    say(this.values, `cell at (${spot(x, user)}) → M (${spot(m, user)})  ·  ${this.head.measure} × ${figure(this.ratios[cell])}`
      + (this.turned[cell] ? ", turned over" : ""));
  }

  mark() {
    const pen = clean(this, this.over);
    if (this.seen < 0 || !this.paths[this.seen]) return;
    for (const [width, colour] of [[4, this.ground], [2, this.ink]]) {
      Object.assign(pen, { lineWidth: width, strokeStyle: colour });
      pen.stroke(this.paths[this.seen]);
    }
  }
}

function shade(lut, index) {
  return `rgb(${lut[3 * index]},${lut[3 * index + 1]},${lut[3 * index + 2]})`;
}

export default mounting(Mesh);
