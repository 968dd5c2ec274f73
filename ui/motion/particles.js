// Particles over a landscape: chains side by side on one clock, steps as they glide, jumps as they are made.
const SECONDS = 20; // of a film at speed 1
const TAIL = 20; // frames behind a particle whose way is drawn
const TRACED = 16; // particles whose way is drawn; more is a tangle
const FRESH = 5; // frames for which a particle keeps the colour of its jump
const LEAPS = 120; // jumps of one moment that are drawn as lines
const BANDS = 24; // of the landscape's ranks
const HIGHEST = 36; // rem of a picture
const CROWD = 1500; // particles above which dots are smaller

class Particles extends Scene {
  build(head, array) {
    this.canvases = [];
    this.relief = { ...head.ground, ranks: array("ranks"), g: array("g"), lut: array("lut") };
    this.clock = new Clock(this, SECONDS);
    this.chains = head.chains.map((told, k) => ({
      ...told, steps: array(`steps${k}`), codes: array(`codes${k}`), jumped: array(`jumped${k}`),
    }));
    this.step = 1 / Math.max(1, Math.max(...this.chains.map((chain) => chain.moments)) - 1);
    const grid = made("div", { class: `cells ${this.chains.length > 1 ? "two" : "one"}` });
    for (const chain of this.chains) {
      chain.head = made("div", { class: "head" });
      chain.plot = made("div", { class: "plot" });
      chain.plot.style.cssText = `aspect-ratio:${head.aspect};max-width:${HIGHEST * head.aspect}rem`;
      chain.ground = this.canvas(chain.plot);
      chain.dots = this.canvas(chain.plot);
      chain.lines = this.canvas(chain.plot);
      chain.plot.addEventListener("pointermove", (event) => this.point(chain, event));
      chain.plot.addEventListener("pointerleave", () => say(this.values, this.hint()));
      grid.append(made("div", { class: "cell" }, chain.head, chain.plot));
    }
    this.values = made("output", { class: "values" });
    say(this.values, this.hint());
    const shots = () => this.chains.map((chain) => [chain.ground, chain.dots, chain.lines]);
    const film = controls(this, [saved(this, shots, head.name)]);
    const axes = made("span", { class: "axes" }, head.axes);
    const legend = made("div", { class: "legend" }, key(head.colours.step, "Langevin step"),
      this.chains.some((chain) => chain.leaps) ? key(head.colours.jump, "jump through u", true) : "", axes);
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", head.label);
    this.root.replaceChildren(grid, film, made("div", { class: "below" }, this.values, legend));
  }

  hint() {
    return "Point at a place to read g there.";
  }

  placed() {
    for (const chain of this.chains) {
      const rect = { x: 0, y: 0, w: chain.ground.w, h: chain.ground.h };
      chain.frame = new Frame(rect, this.head.range);
      chain.pixels = null;
      drawRelief(chain.ground, this.relief, chain.frame, this.ratio);
      chain.ground.pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      drawTicks(this, chain.ground.pen, chain.frame);
    }
    const { step, jump } = this.head.colours, crowd = this.chains.some((chain) => chain.particles > CROWD);
    const radius = (crowd || this.root.clientWidth < 640 ? 2 : 2.6) * this.ratio;
    this.stamps = [step, jump].map((colour) => stampsOf(colour, radius));
  }

  draw() {
    if (!this.stamps) return;
    const { t } = this.clock;
    for (const chain of this.chains) this.moment(chain, t * (chain.moments - 1));
    const [first] = this.chains;
    const at = Math.round(t * (first.moments - 1));
    tellTime(this, `step ${first.steps[at].toLocaleString("en")}`);
  }

  /** One chain at frame ``at``, which may lie between two. */
  moment(chain, at) {
    const k = Math.min(Math.floor(at), Math.max(0, chain.moments - 2)), share = at - k;
    say(chain.head, `${chain.title}, step ${chain.steps[Math.round(at)].toLocaleString("en")}`);
    const to = Math.min(k + 1, chain.moments - 1), place = this.places(chain, k, to, share);
    this.ways(chain, k, to, share, place);
    const dots = (chain.pixels ??= new Dots(chain.dots));
    dots.clear();
    for (let i = 0; i < chain.particles; i++)
      dots.put(place[3 * i] * this.ratio, place[3 * i + 1] * this.ratio, this.stamps[place[3 * i + 2]]);
    dots.show();
  }

  /** Pixels of each particle and whether it has just jumped: a step glides, a jump is here and then there. */
  places(chain, k, to, share) {
    const { particles: n, codes, frame } = chain, from = 2 * k * n, next = 2 * to * n;
    const found = (chain.place ??= new Float32Array(3 * n));
    const [sx, sy] = frame.pixels, { low, high } = chain, [x0, , y0] = frame.range, { h } = frame.rect;
    const unit = [0, 1].map((c) => (high[c] - low[c]) / 65535);
    for (let i = 0; i < n; i++) {
      const leap = this.leapt(chain, to, i), s = leap ? (share < 0.5 ? 0 : 1) : share;
      const a = from + 2 * i, b = next + 2 * i;
      const x = low[0] + unit[0] * (codes[a] + s * (codes[b] - codes[a]));
      const y = low[1] + unit[1] * (codes[a + 1] + s * (codes[b + 1] - codes[a + 1]));
      found[3 * i] = (x - x0) * sx;
      found[3 * i + 1] = h - (y - y0) * sy;
      let fresh = leap && share >= 0.5;
      for (let back = k; !fresh && chain.leaps && back > k - FRESH && back >= 0; back--) fresh = this.leapt(chain, back, i);
      found[3 * i + 2] = fresh ? 1 : 0;
    }
    return found;
  }

  leapt(chain, moment, i) {
    const bit = moment * chain.particles + i;
    return chain.leaps > 0 && (chain.jumped[bit >> 3] & (128 >> (bit & 7))) !== 0;
  }

  /** The last steps of some particles as lines, jumps apart as dotted ones. */
  ways(chain, k, to, share, place) {
    const pen = clean(this, chain.lines), { step, jump } = this.head.colours, quick = this.clock.quiet;
    const spot = (moment, i) => chain.frame.px(...[0, 1].map((c) =>
      chain.low[c] + (chain.codes[2 * (moment * chain.particles + i) + c] / 65535) * (chain.high[c] - chain.low[c])));
    const steps = new Path2D(), leaps = new Path2D(), first = Math.max(0, k - TAIL);
    const add = (path, a, b) => { path.moveTo(...a); path.lineTo(...b); };
    for (let i = 0; i < Math.min(TRACED, chain.particles); i++) {
      let before = spot(first, i);
      for (let moment = first + 1; moment <= k; moment++) {
        const here = spot(moment, i);
        add(this.leapt(chain, moment, i) ? leaps : steps, before, here);
        before = here;
      }
      if (to === k) continue;
      if (!this.leapt(chain, to, i)) add(steps, before, [place[3 * i], place[3 * i + 1]]);
      else if (share >= 0.5) add(leaps, before, spot(to, i));
    }
    const stroke = (path, colour, width, dash, alpha) => {
      for (const [ink, more, strength] of [["#ffffff", 1.6, 0.5], [colour, 0, 1]]) {
        Object.assign(pen, { strokeStyle: ink, lineWidth: width + more, globalAlpha: alpha * strength, lineCap: "round" });
        pen.setLineDash(dash);
        pen.stroke(path);
      }
      pen.globalAlpha = 1;
    };
    stroke(steps, step, 1.3, [], 0.9);
    stroke(leaps, jump, 1.5, [1, 4], 0.95);
    if (!chain.leaps || quick) return;
    const many = new Path2D(), every = Math.max(1, Math.ceil(chain.particles / LEAPS));
    for (let i = TRACED; i < chain.particles; i += every)
      if (share >= 0.5 ? this.leapt(chain, to, i) : k > 0 && this.leapt(chain, k, i))
        add(many, spot(share >= 0.5 ? k : k - 1, i), spot(share >= 0.5 ? to : k, i));
    stroke(many, jump, 1, [1, 4], 0.5);
  }

  point(chain, event) {
    const box = chain.plot.getBoundingClientRect();
    const [x, y] = chain.frame.data(event.clientX - box.left, event.clientY - box.top);
    const { nx, ny, low, high, g } = this.relief, [x0, x1, y0, y1] = this.head.range;
    const column = Math.round(((x - low[0]) / (high[0] - low[0])) * (nx - 1)), row = Math.round(((y - low[1]) / (high[1] - low[1])) * (ny - 1));
    if (!(column >= 0 && column < nx && row >= 0 && row < ny)) return;
    say(this.values, `(${place(x, x1 - x0)}, ${place(y, y1 - y0)})  ·  g = ${figure(g[row * nx + column])}`);
  }
}

/** A word of the legend behind a line in its colour. */
function key(colour, text, dotted = false) {
  const line = made("span", { class: dotted ? "line dotted" : "line" });
  line.style.borderTopColor = colour;
  return made("span", { class: "key" }, line, text);
}

/** The landscape in bands of equal rank with a line between two, as a contour map has them. */
function drawRelief(canvas, relief, frame, ratio) {
  const { width, height } = canvas, { nx, ny, ranks, lut, low, high } = relief;
  if (!width || !height) return;
  const image = canvas.pen.createImageData(width, height), band = new Int16Array(width * height).fill(-1);
  const row = new Float64Array(height), column = new Float64Array(width);
  for (let j = 0; j < height; j++) row[j] = ((frame.data(0, (j + 0.5) / ratio)[1] - low[1]) / (high[1] - low[1])) * (ny - 1);
  for (let i = 0; i < width; i++) column[i] = ((frame.data((i + 0.5) / ratio, 0)[0] - low[0]) / (high[0] - low[0])) * (nx - 1);
  for (let j = 0; j < height; j++) {
    const v = Math.max(0, Math.min(ny - 1.001, row[j])), r = Math.floor(v), fv = v - r;
    for (let i = 0; i < width; i++) {
      const u = Math.max(0, Math.min(nx - 1.001, column[i])), c = Math.floor(u), fu = u - c, at = r * nx + c;
      const value = (1 - fv) * ((1 - fu) * ranks[at] + fu * ranks[at + 1]) + fv * ((1 - fu) * ranks[at + nx] + fu * ranks[at + nx + 1]);
      band[j * width + i] = Math.min(BANDS - 1, Math.floor((value / 65536) * BANDS));
    }
  }
  for (let at = 0; at < width * height; at++) {
    const edge = (at % width && band[at] !== band[at - 1]) || (at >= width && band[at] !== band[at - width]);
    const own = 3 * Math.round((255 * band[at]) / (BANDS - 1)), shade = edge ? 0.72 : 1;
    for (let c = 0; c < 3; c++) image.data[4 * at + c] = shade * lut[own + c];
    image.data[4 * at + 3] = 235;
  }
  canvas.pen.putImageData(image, 0, 0);
}

export default mounting(Particles);
