// Ways of a stochastic inverse: all begin at one point, and each ends at a place of its own.
const WAY_SECONDS = 6, LAST = 0.16; // of the film at speed 1; its share in which paths are led on to their ends
const BOLD = 3; // pixels of the head of a path

class Ways extends Scene {
  build(head, array) {
    this.canvases = [];
    this.x = array("x");
    this.ends = array("ends");
    this.times = array("times");
    this.dots = array("dots");
    this.picture = head.picture ? array("picture") : null;
    const lut = array("lut"), index = array("index");
    this.inks = Array.from(index, (k) => `rgb(${lut[3 * k]},${lut[3 * k + 1]},${lut[3 * k + 2]})`);
    this.clock = new Clock(this, WAY_SECONDS);
    const plot = made("div", { class: "plot" });
    plot.style.cssText = `aspect-ratio:${head.aspect};max-width:${36 * head.aspect}rem`;
    this.back = this.canvas(plot);
    this.stage = this.canvas(plot);
    this.title = made("div", { class: "head" });
    const film = controls(this, [saved(this, () => [[this.back, this.stage]], head.name)]);
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", head.label);
    this.root.replaceChildren(this.title, plot, film, made("div", { class: "legend" }, head.axes));
    this.clock.t = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 0.55;
  }

  placed() {
    const { w, h } = this.back, [x0, x1, y0, y1] = this.head.range;
    this.frame = new Frame({ x: 0, y: 0, w, h }, [x0, x1, y0, y1]);
    const pen = clean(this, this.back);
    if (this.picture) {
      const { rows, columns, bounds: [west, east, south, north] } = this.head.picture, own = made("canvas", { width: String(columns), height: String(rows) });
      own.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(this.picture), columns, rows), 0, 0);
      Object.assign(pen, { globalAlpha: 0.55, imageSmoothingEnabled: true });
      const [left, top] = this.frame.px(west, north), [right, bottom] = this.frame.px(east, south);
      pen.drawImage(own, left, top, right - left, bottom - top);
    } else {
      Object.assign(pen, { globalAlpha: 0.3, fillStyle: "#8a94a0" });
      for (let i = 0; i < this.dots.length; i += 2) {
        const [x, y] = this.frame.px(this.dots[i], this.dots[i + 1]);
        pen.fillRect(x - 1, y - 1, 2, 2);
      }
    }
    pen.globalAlpha = 1;
    drawTicks(this, pen, this.frame);
    const { n } = this.head;
    this.spots = new Float32Array(this.x.length);
    for (let k = 0; k < this.x.length; k += 2) this.spots.set(this.frame.px(this.x[k], this.x[k + 1]), k);
    this.final = new Float32Array(2 * n);
    for (let k = 0; k < 2 * n; k += 2) this.final.set(this.frame.px(this.ends[k], this.ends[k + 1]), k);
  }

  draw() {
    if (!this.spots) return;
    const pen = clean(this, this.stage), { n } = this.head, { t } = this.clock, moments = this.times.length;
    const time = Math.min(1, t / (1 - LAST)), on = Math.max(0, (t - (1 - LAST)) / LAST);
    let k = 0;
    while (k + 2 < moments && this.times[k + 1] <= time) k += 1;
    const share = Math.min(1, (time - this.times[k]) / (this.times[k + 1] - this.times[k]));
    Object.assign(pen, { lineJoin: "round", lineCap: "round" });
    const heads = [];
    for (let i = 0; i < n; i++) {
      const at = (moment, c) => this.spots[2 * (moment * n + i) + c];
      const head = [0, 1].map((c) => at(k, c) + share * (at(k + 1, c) - at(k, c)));
      pen.beginPath();
      pen.moveTo(at(0, 0), at(0, 1));
      for (let moment = 1; moment <= k; moment++) pen.lineTo(at(moment, 0), at(moment, 1));
      pen.lineTo(...head);
      if (on > 0) [0, 1].forEach((c) => { head[c] += on * (this.final[2 * i + c] - head[c]); });
      if (on > 0) pen.lineTo(...head);
      Object.assign(pen, { strokeStyle: this.inks[i], lineWidth: 1.1, globalAlpha: 0.4 });
      pen.stroke();
      heads.push(head);
    }
    pen.globalAlpha = 1;
    const round = (x, y, radius, ink) => {
      pen.fillStyle = ink;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fill();
    };
    for (const [x, y] of this.head.places.map((spot) => this.frame.px(...spot))) {
      Object.assign(pen, { strokeStyle: this.ground, lineWidth: 4 });
      pen.beginPath();
      pen.arc(x, y, 8, 0, 2 * Math.PI);
      pen.stroke();
      Object.assign(pen, { strokeStyle: this.ink, lineWidth: 2 });
      pen.stroke();
    }
    heads.forEach(([x, y], i) => { round(x, y, BOLD + 1, this.ground); round(x, y, BOLD, this.inks[i]); });
    this.cross(pen, this.spots[0], this.spots[1]);
    const words = on > 0 ? this.head.last : time === 0 ? this.head.first : this.head.between;
    say(this.title, words);
    tellTime(this, `t = ${time.toFixed(2)}`);
  }

  cross(pen, x, y) {
    for (const [width, ink] of [[6, this.ground], [2.5, this.ink]]) {
      Object.assign(pen, { lineWidth: width, strokeStyle: ink });
      pen.beginPath();
      for (const [a, b] of [[7, 0], [0, 7]]) { pen.moveTo(x - a, y - b); pen.lineTo(x + a, y + b); }
      pen.stroke();
    }
  }
}

export default mounting(Ways);
