// u and u* side by side: a point of one is a point of the other, and the tangent plane of the one meets the axis over the
// origin at minus the other.
const TALL = 1.3; // height of a surface, half a side being 1
const LEGENDRE_KEYS = "Arrow keys move the point, with shift they turn the surfaces; Enter keeps or frees the point";

class Legendre extends Scene {
  build(head, array) {
    this.canvases = [];
    this.eye ??= new Eye(-0.6, 0.42);
    const [x, y, u, star, inside, origin, lut] = ["x", "y", "u", "star", "inside", "origin", "lut"].map(array);
    Object.assign(this, { x, y, values: [u, star] });
    const colours = (node) => [0, 1, 2].map((c) => lut[3 * origin[node] + c]);
    const kept = (corners) => corners.every((at) => inside[at]);
    this.sides = [[x, u], [y, star]].map(([flat, z], k) => {
      const axis = head.sides[k], scaled = (value, c) => (value - axis.middle[c]) / axis.half[c];
      const height = (value) => (TALL * (value - axis.low)) / (axis.high - axis.low) - TALL / 2;
      const points = Array.from({ length: u.length }, (_, at) => [scaled(flat[2 * at], 0), scaled(flat[2 * at + 1], 1), height(z[at])]);
      const plot = made("div", { class: "plot turns" });
      plot.style.cssText = "aspect-ratio:1.15;max-width:40rem";
      const side = { ...axis, plot, scaled, height, surface: new Surface(points, head.side, colours, kept), base: this.canvas(plot), over: this.canvas(plot) };
      plot.addEventListener("pointerdown", (event) => this.down(side, event));
      plot.addEventListener("pointermove", (event) => this.move(side, event));
      plot.addEventListener("pointerup", (event) => this.up(side, event));
      plot.addEventListener("pointercancel", () => { this.dragged = null; });
      return side;
    });
    const [first] = this.sides;
    for (const [name, value] of Object.entries({ tabindex: "0", role: "application", "aria-label": `${head.label}. ${LEGENDRE_KEYS}. ${TO_TOOLS}.` })) first.plot.setAttribute(name, value);
    first.plot.addEventListener("keydown", (event) => this.key(event));
    this.told = made("output", { class: "values identity", "aria-live": "polite" });
    const whole = made("div", { class: "bar" }, made("span", { class: "hint" }, "Point at either surface; drag to turn; click keeps the point."),
      saved(this, () => this.sides.map((side) => [side.base, side.over]), head.name));
    const grid = made("div", { class: "cells pair" }, ...this.sides.map((side) => made("div", { class: "cell" }, made("div", { class: "head" }, side.title), side.plot)));
    this.root.replaceChildren(whole, grid, this.told);
    this.node = head.start;
    this.pinned = false;
  }

  get stop() {
    return this.sides[0].plot;
  }

  get keys() {
    return LEGENDRE_KEYS;
  }

  placed() {
    for (const side of this.sides) {
      const { w, h } = side.base, unit = Math.min(w / 3.1, h / 2.9);
      side.place = ([a, b]) => [w / 2 + unit * a, 0.47 * h + unit * b];
    }
    this.turned = true;
  }

  draw() {
    if (!this.sides?.[0].place) return;
    if (this.turned || this.inked !== this.ink) for (const side of this.sides) this.base(side);
    Object.assign(this, { turned: false, inked: this.ink });
    this.sides.forEach((side, k) => this.mark(side, k));
    this.tell();
  }

  spot(side, point) {
    return side.place(this.eye.see(point));
  }

  /** The floor with the ends of its axes, and the surface. */
  base(side) {
    const pen = clean(this, side.base), low = -TALL / 2 - 0.25, corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
    Object.assign(pen, { strokeStyle: "rgba(128,136,148,0.6)", lineWidth: 1 });
    pen.beginPath();
    corners.forEach(([x, y], k) => (k ? pen.lineTo(...this.spot(side, [x, y, low])) : pen.moveTo(...this.spot(side, [x, y, low]))));
    pen.closePath();
    pen.stroke();
    side.surface.draw(pen, this.eye, side.place);
    const near = (points) => points.reduce((a, b) => (this.eye.see([...a, low])[2] < this.eye.see([...b, low])[2] ? a : b));
    const [, fy] = near([[0, -1], [0, 1]]), [fx] = near([[-1, 0], [1, 0]]);
    Object.assign(pen, { font: `11px ${this.font}`, fillStyle: this.ink, textBaseline: "top", textAlign: "center" });
    const write = (text, point, dy, dx = 0) => {
      const [px, py] = this.spot(side, point), wide = pen.measureText(text).width / 2 + 3;
      pen.fillText(text, Math.max(wide, Math.min(side.base.w - wide, px + dx)), Math.min(side.base.h - 14, py + dy));
    };
    write(side.axes[0], [0, fy * 1.06, low], 10);
    write(side.axes[1], [fx * 1.06, 0, low], 10);
    const [corner] = this.spot(side, [fx, fy, low]); // where both axes end: each number goes to its own side
    const aside = (middle) => 28 * Math.sign(this.spot(side, middle)[0] - corner);
    for (const end of [-1, 1]) {
      write(side.ends[0][end < 0 ? 0 : 1], [end * 0.97, fy, low], 6, end === fx ? aside([0, fy, low]) : 0);
      write(side.ends[1][end < 0 ? 0 : 1], [fx, end * 0.97, low], 6, end === fy ? aside([fx, 0, low]) : 0);
    }
  }

  /** The point, the tangent plane there, and where that meets the axis over the origin. */
  mark(side, k) {
    const pen = clean(this, side.over), at = this.node, low = -TALL / 2 - 0.25;
    const [flat, slope] = k ? [this.y, this.x] : [this.x, this.y], z0 = this.values[k][at];
    const [px, py] = [flat[2 * at], flat[2 * at + 1]], [sx, sy] = [slope[2 * at], slope[2 * at + 1]];
    const plane = (x, y) => z0 + sx * (x - px) + sy * (y - py);
    const corner = (a, b) => {
      const x = side.middle[0] + a * side.half[0], y = side.middle[1] + b * side.half[1];
      return [a, b, side.height(plane(x, y))];
    };
    const shape = clipped([corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1)], (point) => point[2] - low);
    pen.beginPath();
    shape.forEach((point, n) => (n ? pen.lineTo(...this.spot(side, point)) : pen.moveTo(...this.spot(side, point))));
    pen.closePath();
    Object.assign(pen, { globalAlpha: 0.3, fillStyle: this.accent, strokeStyle: this.accent, lineWidth: 1.5 });
    pen.fill();
    pen.globalAlpha = 0.9;
    pen.stroke();
    pen.globalAlpha = 1;
    const point = side.surface.points[at], zero = [side.scaled(0, 0), side.scaled(0, 1), 0], cut = side.height(plane(0, 0));
    this.line(pen, [point, [point[0], point[1], low]].map((p) => this.spot(side, p)), this.ink, [2, 3]);
    if (cut > low - 0.6 && Math.abs(zero[0]) <= 1.2 && Math.abs(zero[1]) <= 1.2) {
      const [zx, zy] = this.spot(side, [zero[0], zero[1], cut]);
      this.line(pen, [[zx, zy], this.spot(side, [zero[0], zero[1], TALL / 2 + 0.1])], this.ink, [5, 3]);
      this.dot(pen, zx, zy, 4, this.ground, this.ink);
      this.word(pen, side.intercept, zx - 10, zy, "right");
    }
    const [x, y] = this.spot(side, point);
    this.dot(pen, x, y, 5.5, this.accent, this.ground);
    this.word(pen, side.point, x + 9, y - 9);
  }

  line(pen, path, colour, dash) {
    pen.setLineDash(dash);
    for (const [width, ink] of [[3, this.ground], [1.3, colour]]) {
      Object.assign(pen, { lineWidth: width, strokeStyle: ink });
      pen.beginPath();
      path.forEach((spot, k) => (k ? pen.lineTo(...spot) : pen.moveTo(...spot)));
      pen.stroke();
    }
    pen.setLineDash([]);
  }

  dot(pen, x, y, radius, fill, rim) {
    for (const [r, ink] of [[radius + 2, rim], [radius, fill]]) {
      pen.fillStyle = ink;
      pen.beginPath();
      pen.arc(x, y, r, 0, 2 * Math.PI);
      pen.fill();
    }
  }

  word(pen, text, x, y, align = "left") {
    Object.assign(pen, { font: `600 13px ${this.font}`, textAlign: align, textBaseline: "middle" });
    const wide = pen.measureText(text).width + 8, left = align === "right" ? x - wide + 4 : x - 4;
    pen.globalAlpha = 0.8; // it lies over lines and over the surface
    pen.fillStyle = this.ground;
    pen.fillRect(left, y - 10, wide, 20);
    Object.assign(pen, { globalAlpha: 1, fillStyle: this.ink });
    pen.fillText(text, x, y);
  }

  /** The identity in numbers. */
  tell() {
    const at = this.node, [u, star] = this.values, { user, unit } = this.head;
    const x = [this.x[2 * at], this.x[2 * at + 1]], y = [this.y[2 * at], this.y[2 * at + 1]];
    const spot = x.map((value, c) => place(user.offset[c] + user.scale[c] * value, 2 * user.scale[c])).join(", ");
    const inner = x[0] * y[0] + x[1] * y[1];
    const scaled = this.head.scaled ? `, x̂ = (${x.map(figure).join(", ")})` : "", name = this.head.scaled ? "x̂" : "x";
    const parts = [`x = (${spot})${scaled}`, `y = ∇u(x) = (${y.map(figure).join(", ")})${unit}`,
      `u(x) + u*(y) = ${figure(u[at])} ${star[at] < 0 ? "−" : "+"} ${figure(Math.abs(star[at]))} = ${figure(u[at] + star[at])}`, `⟨${name}, y⟩ = ${figure(inner)}`];
    say(this.told, parts.join("  ·  "));
    this.root.dataset.node = String(at);
  }

  down(side, event) {
    if (event.button > 0) return;
    this.dragged = { x: event.clientX, y: event.clientY, far: 0 };
    side.plot.setPointerCapture(event.pointerId);
  }

  move(side, event) {
    if (this.dragged) {
      const dx = event.clientX - this.dragged.x, dy = event.clientY - this.dragged.y;
      this.dragged = { x: event.clientX, y: event.clientY, far: this.dragged.far + Math.hypot(dx, dy) };
      if (this.dragged.far < 5) return;
      this.turn(dx, dy);
    } else if (!this.pinned && event.pointerType === "mouse") this.pick(side, event);
  }

  up(side, event) {
    const still = this.dragged && this.dragged.far < 5;
    this.dragged = null;
    if (!still) return;
    const found = this.pick(side, event);
    this.pinned = found && !(this.pinned && event.pointerType === "mouse" && found === "same");
  }

  pick(side, event) {
    const box = side.plot.getBoundingClientRect(), reach = event.pointerType === "mouse" ? 22 : 34;
    const found = side.surface.nearest(event.clientX - box.left, event.clientY - box.top, side.place, reach);
    if (found < 0) return null;
    const same = found === this.node;
    this.node = found;
    this.soon();
    return same ? "same" : "other";
  }

  turn(dx, dy) {
    this.eye.drag(dx, dy);
    this.turned = true;
    this.soon();
  }

  /** At most once a frame. */
  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (!this.ended) this.draw();
    });
  }

  key(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === "Enter") this.pinned = !this.pinned;
    else if (by && event.shiftKey) this.turn(by[0] * 12, -by[1] * 8);
    else if (by) {
      const { side } = this.head, row = Math.floor(this.node / side) + by[1], column = (this.node % side) + by[0];
      const next = row * side + column;
      if (row >= 0 && row < side && column >= 0 && column < side && this.sides[0].surface.used.has(next)) this.node = next;
      this.soon();
    } else return;
    event.preventDefault();
  }
}

export default mounting(Legendre);
