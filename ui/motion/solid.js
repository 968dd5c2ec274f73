// A surface over a lattice, drawn in space on a plain canvas: far cells first, each in its own colour under one light.

/** How a surface is seen: turned about its upright axis, then tilted; a point is [x, y, z] in about [-1, 1]. */
class Eye {
  constructor(turn, tilt) {
    Object.assign(this, { turn, tilt });
  }

  /** Pixels right of and below the middle, of a unit of one pixel, and how far away. */
  see([x, y, z]) {
    const a = x * Math.cos(this.turn) - y * Math.sin(this.turn), b = x * Math.sin(this.turn) + y * Math.cos(this.turn);
    return [a, -(z * Math.cos(this.tilt) + b * Math.sin(this.tilt)), b * Math.cos(this.tilt) - z * Math.sin(this.tilt)];
  }

  drag(dx, dy) {
    this.turn += dx * 0.01;
    this.tilt = Math.max(0.02, Math.min(1.5, this.tilt + dy * 0.01));
  }
}

class Surface {
  /** points: [x, y, z] of each node, side a row; colours: [r, g, b] of each cell, by its first node; kept: which cells
   * there are; light: whether they are lit here. */
  constructor(points, side, colours, kept, light = true) {
    this.points = points;
    this.cells = [];
    for (let r = 0; (r + 2) * side <= points.length; r++)
      for (let c = 0; c + 1 < side; c++) {
        const first = r * side + c, corners = [first, first + 1, first + 1 + side, first + side];
        if (!kept(corners)) continue;
        const own = colours(first);
        this.cells.push({ corners, colour: light ? this.lit(corners, own) : `rgb(${own.join(",")})` });
      }
  }

  /** A cell's colour under the light. */
  lit([a, b, , d], [red, green, blue]) {
    const [p, q, r] = [a, b, d].map((at) => this.points[at]);
    const u = [0, 1, 2].map((k) => q[k] - p[k]), v = [0, 1, 2].map((k) => r[k] - p[k]);
    const n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    const light = 0.62 + (0.42 * (-0.45 * n[0] + 0.35 * n[1] + 0.82 * n[2])) / (Math.hypot(...n) || 1);
    return `rgb(${[red, green, blue].map((value) => Math.round(Math.min(255, value * light))).join(",")})`;
  }

  /** Draw it, with ``things`` that stand on it: {depth, paint}, of which a nearer one lies over what is farther. */
  draw(pen, eye, place, things = []) {
    this.seen = this.points.map((point) => eye.see(point));
    for (const cell of this.cells) cell.depth = cell.corners.reduce((sum, at) => sum + this.seen[at][2], 0) / 4;
    this.cells.sort((p, q) => q.depth - p.depth);
    things.sort((p, q) => q.depth - p.depth);
    let next = 0;
    for (const { corners, colour, depth } of this.cells) {
      while (next < things.length && things[next].depth > depth) things[next++].paint();
      pen.lineWidth = 0.6;
      pen.lineJoin = "round";
      pen.beginPath();
      corners.forEach((at, k) => (k ? pen.lineTo(...place(this.seen[at])) : pen.moveTo(...place(this.seen[at]))));
      pen.closePath();
      pen.fillStyle = pen.strokeStyle = colour; // the rim closes the seams between cells
      pen.fill();
      pen.stroke();
    }
    while (next < things.length) things[next++].paint();
  }

  /** The node nearest to a spot on the screen, of those within reach the one in front; -1 for none. */
  nearest(x, y, place, reach) {
    let found = -1, best = Infinity;
    this.seen?.forEach((seen, at) => {
      if (!this.used.has(at)) return;
      const [px, py] = place(seen), away = Math.hypot(px - x, py - y);
      if (away < reach && seen[2] + away * 0.02 < best) {
        best = seen[2] + away * 0.02;
        found = at;
      }
    });
    return found;
  }

  /** Nodes of cells that there are. */
  get used() {
    return (this.used_ ??= new Set(this.cells.flatMap(({ corners }) => corners)));
  }
}

/** The part of a flat polygon of points [x, y, z] where ``inside`` (a signed height) is not negative. */
function clipped(polygon, inside) {
  return polygon.flatMap((a, k) => {
    const b = polygon[(k + 1) % polygon.length], p = inside(a), q = inside(b);
    const cut = a.map((value, c) => value + (p / (p - q)) * (b[c] - value));
    if (p >= 0) return q >= 0 ? [a] : [a, cut];
    return q >= 0 ? [cut] : [];
  });
}
