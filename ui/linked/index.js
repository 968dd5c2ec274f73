// A grid over each panel, built once: the point nearest to a pointer, and the points inside a polygon.

class GridIndex {
  /** Cells over the range that is shown first; points beyond it belong to the cells at the edge. */
  constructor(panel) {
    const [x0, x1, y0, y1] = panel.range, n = panel.count;
    this.panel = panel;
    this.n = n;
    this.side = Math.max(8, Math.min(512, Math.round(Math.sqrt(n / 3))));
    this.origin = [x0, y0];
    this.step = [(x1 - x0) / this.side, (y1 - y0) / this.side];
    const cells = this.side * this.side;
    const of = new Uint32Array(n);
    this.start = new Uint32Array(cells + 1);
    for (let i = 0; i < n; i++) {
      of[i] = this.row(coordinate(panel, i, 1)) * this.side + this.column(coordinate(panel, i, 0));
      this.start[of[i] + 1]++;
    }
    for (let cell = 0; cell < cells; cell++) this.start[cell + 1] += this.start[cell];
    const next = this.start.slice(0, cells);
    this.order = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.order[next[of[i]]++] = i;
  }

  column(x) {
    return Math.max(0, Math.min(this.side - 1, Math.floor((x - this.origin[0]) / this.step[0])));
  }

  row(y) {
    return Math.max(0, Math.min(this.side - 1, Math.floor((y - this.origin[1]) / this.step[1])));
  }

  /** The point nearest to (x, y), where a unit is so many pixels on each axis; -1 where none is within ``reach``. */
  nearest(x, y, pixels, reach) {
    const c0 = this.column(x - reach / pixels[0]), c1 = this.column(x + reach / pixels[0]);
    const r0 = this.row(y - reach / pixels[1]), r1 = this.row(y + reach / pixels[1]);
    let best = reach * reach, found = -1;
    for (let row = r0; row <= r1; row++) {
      for (let k = this.start[row * this.side + c0]; k < this.start[row * this.side + c1 + 1]; k++) {
        const i = this.order[k];
        const dx = (coordinate(this.panel, i, 0) - x) * pixels[0];
        const dy = (coordinate(this.panel, i, 1) - y) * pixels[1];
        const away = dx * dx + dy * dy;
        if (away < best) { best = away; found = i; }
      }
    }
    return found;
  }

  /** 255 for each of ``all`` samples whose point is inside the polygon [[x, y], ...], else 0; and how many there are. */
  inside(polygon, all) {
    const mask = new Uint8Array(all);
    const xs = polygon.map((p) => p[0]), ys = polygon.map((p) => p[1]);
    const c0 = this.column(Math.min(...xs)), c1 = this.column(Math.max(...xs));
    const r0 = this.row(Math.min(...ys)), r1 = this.row(Math.max(...ys));
    const mixed = this.cut(polygon);
    let count = 0;
    for (let row = r0; row <= r1; row++) {
      let known = null; // what the cells since the last one that an edge passes are
      for (let column = c0; column <= c1; column++) {
        const cell = row * this.side + column;
        const from = this.start[cell], to = this.start[cell + 1];
        if (mixed[cell] || row === 0 || column === 0 || row === this.side - 1 || column === this.side - 1) {
          known = null;
          for (let k = from; k < to; k++) {
            const i = this.order[k];
            if (insidePolygon(coordinate(this.panel, i, 0), coordinate(this.panel, i, 1), polygon)) {
              mask[i] = 255;
              count++;
            }
          }
          continue;
        }
        known ??= insidePolygon(
          this.origin[0] + (column + 0.5) * this.step[0], this.origin[1] + (row + 0.5) * this.step[1], polygon);
        if (known) {
          for (let k = from; k < to; k++) mask[this.order[k]] = 255;
          count += to - from;
        }
      }
    }
    return { mask, count };
  }

  /** 1 for each cell that an edge of the polygon passes, or nearly. */
  cut(polygon) {
    const cells = new Uint8Array(this.side * this.side);
    for (let k = 0; k < polygon.length; k++) {
      const a = polygon[k], b = polygon[(k + 1) % polygon.length];
      const [low, high] = a[1] <= b[1] ? [a, b] : [b, a];
      const r0 = Math.max(0, this.row(low[1]) - 1), r1 = Math.min(this.side - 1, this.row(high[1]) + 1);
      for (let row = r0; row <= r1; row++) {
        const [x0, x1] = this.reached(low, high, row);
        const c0 = Math.max(0, this.column(x0) - 1), c1 = Math.min(this.side - 1, this.column(x1) + 1);
        cells.fill(1, row * this.side + c0, row * this.side + c1 + 1);
      }
    }
    return cells;
  }

  /** Where the edge from ``low`` up to ``high`` is while it passes a row, on the first axis. */
  reached(low, high, row) {
    const rise = high[1] - low[1];
    if (rise <= 0) return [Math.min(low[0], high[0]), Math.max(low[0], high[0])];
    const at = (y) => low[0] + (high[0] - low[0]) * Math.max(0, Math.min(1, (y - low[1]) / rise));
    const first = at(this.origin[1] + row * this.step[1]), last = at(this.origin[1] + (row + 1) * this.step[1]);
    return [Math.min(first, last), Math.max(first, last)];
  }

  /** How dense the cloud is around each point: one byte, by the logarithm of smoothed counts. */
  density() {
    const side = Math.min(this.side, 128), ratio = side / this.side;
    const counts = new Float32Array(side * side);
    for (let row = 0; row < this.side; row++) {
      for (let column = 0; column < this.side; column++) {
        const cell = row * this.side + column;
        counts[Math.floor(row * ratio) * side + Math.floor(column * ratio)] += this.start[cell + 1] - this.start[cell];
      }
    }
    const smooth = smoothed(smoothed(counts, side), side).map((count) => Math.log1p(count));
    const top = smooth.reduce((a, b) => Math.max(a, b), 1e-9);
    const values = new Uint8Array(this.n);
    for (let i = 0; i < this.n; i++) {
      const row = this.row(coordinate(this.panel, i, 1)), column = this.column(coordinate(this.panel, i, 0));
      values[i] = Math.round((255 * smooth[Math.floor(row * ratio) * side + Math.floor(column * ratio)]) / top);
    }
    return values;
  }
}

/** Means over three by three cells. */
function smoothed(counts, side) {
  const found = new Float32Array(counts.length);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      let sum = 0, cells = 0;
      for (let r = Math.max(0, row - 1); r <= Math.min(side - 1, row + 1); r++) {
        for (let c = Math.max(0, column - 1); c <= Math.min(side - 1, column + 1); c++) {
          sum += counts[r * side + c];
          cells++;
        }
      }
      found[row * side + column] = sum / cells;
    }
  }
  return found;
}

/** Even-odd rule, in the order of operations of npf_engine/measures/linked.py. */
function insidePolygon(x, y, polygon) {
  let odd = false;
  for (let k = 0; k < polygon.length; k++) {
    const [x1, y1] = polygon[k], [x2, y2] = polygon[(k + 1) % polygon.length];
    if (y1 === y2) continue;
    if ((y1 > y) !== (y2 > y) && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) odd = !odd;
  }
  return odd;
}

function indexOf(panel) {
  return (panel.index ??= new GridIndex(panel));
}

const MOST_CORNERS = 96;

/** A path of the pointer [[x, y], ...] in pixels with at most MOST_CORNERS corners: those that matter least go first. */
function simplified(path) {
  let tolerance = 0.75, found = path;
  while (found.length > MOST_CORNERS || tolerance === 0.75) {
    found = peucker(path, tolerance);
    tolerance *= 1.5;
  }
  return found;
}

function peucker(path, tolerance) {
  if (path.length < 4) return path;
  const keep = new Uint8Array(path.length);
  keep[0] = keep[path.length - 1] = 1;
  const open = [[0, path.length - 1]];
  while (open.length) {
    const [from, to] = open.pop();
    const [ax, ay] = path[from], [bx, by] = path[to];
    const length = Math.hypot(bx - ax, by - ay);
    let worst = tolerance, at = -1;
    for (let k = from + 1; k < to; k++) {
      const away = length > 1e-9
        ? Math.abs((bx - ax) * (ay - path[k][1]) - (ax - path[k][0]) * (by - ay)) / length
        : Math.hypot(path[k][0] - ax, path[k][1] - ay);
      if (away > worst) { worst = away; at = k; }
    }
    if (at >= 0) {
      keep[at] = 1;
      open.push([from, at], [at, to]);
    }
  }
  return path.filter((_, k) => keep[k]);
}

/** A selection as a link has it (ui/linked/selection.py), and back; null for what is none. */
function writeSelection(key, axes, polygon, range) {
  const digits = [0, 1].map((k) => {
    const width = range[2 * k + 1] - range[2 * k];
    const size = Math.max(Math.abs(range[2 * k]), Math.abs(range[2 * k + 1]), width);
    return Math.max(5, Math.min(15, 5 + Math.ceil(Math.log10(size / width))));
  });
  const corner = (point) => point.map((value, k) => String(Number(value.toPrecision(digits[k])))).join("_");
  return `${key}~${axes.join(".")}~${polygon.map(corner).join("~")}`;
}

function readSelection(text) {
  const parts = text.split("~");
  if (parts.length < 5) return null;
  const polygon = parts.slice(2).map((corner) => corner.split("_").map(Number));
  const axes = parts[1].split(".").map(Number);
  if (polygon.some((p) => p.length !== 2 || !p.every(Number.isFinite))) return null;
  return { key: parts[0], axes, polygon };
}

/** The range of coordinate k of the points of a mask, without the outermost hundredth at each end. */
function middleOf(panel, mask, k) {
  const values = [];
  const step = Math.max(1, Math.floor(panel.count / 200000));
  for (let i = 0; i < panel.count; i += step) if (mask[i]) values.push(coordinate(panel, i, k));
  if (!values.length) return [panel.range[2 * k], panel.range[2 * k + 1]];
  const sorted = Float64Array.from(values).sort();
  return [sorted[Math.floor(0.01 * (sorted.length - 1))], sorted[Math.ceil(0.99 * (sorted.length - 1))]];
}
