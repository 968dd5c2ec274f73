// A map of the Earth to pick a box from: pan, zoom, draw, drag and resize, by pointer, touch and keyboard.
// In: data = {box, regions, cities, side, most, words, reliefs, ground}. Out: state "box" [west, south, east, north] in degrees, trigger
// "place" {name} or {at: [latitude, longitude], name}. Nothing is fetched from anywhere: the lines come from window.npfWorldLines.

const RAD = Math.PI / 180;
const TOP = 85; // degrees: where this map ends
const HANDLE = 9; // pixels around a corner or an edge that grip it
const KM = 111.32; // of a degree of latitude

const toX = (lon) => (lon + 180) / 360;
const toY = (lat) => {
  const s = Math.sin(Math.max(-TOP, Math.min(TOP, lat)) * RAD);
  return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI);
};
const toLon = (x) => x * 360 - 180;
const toLat = (y) => Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) / RAD;
const clamp = (v, a, b) => Math.max(a, Math.min(b, v));
const round = (v) => Math.round(v * 1e5) / 1e5;

function decode(parts) {
  // Deltas of hundredths of a degree -> world coordinates with the box around each line
  return parts.map((deltas) => {
    const points = new Float32Array(deltas.length);
    let lon = 0, lat = 0;
    const around = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < deltas.length; i += 2) {
      lon += deltas[i]; lat += deltas[i + 1];
      const x = toX(lon / 100), y = toY(lat / 100);
      points[i] = x; points[i + 1] = y;
      around[0] = Math.min(around[0], x); around[1] = Math.min(around[1], y);
      around[2] = Math.max(around[2], x); around[3] = Math.max(around[3], y);
    }
    return { points, around };
  });
}

function lines() {
  const raw = window.npfWorldLines;
  if (!raw) return null;
  if (!raw.decoded) raw.decoded = { coast: decode(raw.coast), border: decode(raw.border), coarse: decode(raw.coarse) };
  return raw.decoded;
}

class WorldMap {
  constructor(root, send, trigger) {
    this.root = root; this.send = send; this.trigger = trigger;
    this.canvas = root.querySelector("canvas");
    this.said = root.querySelector(".said");
    this.context = this.canvas.getContext("2d");
    this.view = { x: 0.5, y: 0.42, zoom: 256 }; // centre in world coordinates, pixels of the whole world's width
    this.box = null; this.drawing = false; this.grip = null; this.pointers = new Map(); this.moved = false;
    this.data = { regions: [], cities: [], side: 20, most: 5 };
    this.labels = [];
    this.bind();
    oneStop(root.querySelector(".map"), () => this.canvas, () => this.canvas.getAttribute("aria-label").split(": ")[1]);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.canvas);
    this.onlines = () => this.draw();
    window.addEventListener("npf-world-lines", this.onlines);
  }

  stop() {
    this.observer.disconnect();
    window.removeEventListener("npf-world-lines", this.onlines);
  }

  update(data) {
    const first = this.data.key === undefined;
    this.data = data;
    const told = JSON.stringify(data.box);
    if (told !== this.told) { // a box from outside; one of our own comes back as it went
      const own = this.box && data.box && data.box.every((v, k) => Math.abs(v - this.box[k]) < 2e-5);
      this.box = data.box ? [...data.box] : null;
      this.told = told;
      if (!own) this.fit();
    }
    if (first && !data.box) this.fit();
    this.data.key = true;
    this.say();
    this.draw();
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = this.canvas.getBoundingClientRect();
    if (!width || !height) return;
    const fresh = this.width === undefined;
    this.width = width; this.height = height;
    this.canvas.width = Math.round(width * ratio); this.canvas.height = Math.round(height * ratio);
    this.ratio = ratio;
    if (fresh) this.fit();
    this.bound();
    this.draw();
  }

  least() { return Math.max(this.width / 1.02, this.height / 0.8) ; }

  bound() {
    if (!this.width) return;
    const v = this.view;
    v.zoom = clamp(v.zoom, this.least(), 6e6);
    v.x = clamp(v.x, Math.min(0.5, this.width / 2 / v.zoom), Math.max(0.5, 1 - this.width / 2 / v.zoom));
    const top = toY(TOP), low = toY(-65);
    v.y = clamp(v.y, Math.min((top + low) / 2, top + this.height / 2 / v.zoom), Math.max((top + low) / 2, low - this.height / 2 / v.zoom));
  }

  fit() {
    if (!this.width) return;
    if (!this.box) { this.view = { x: 0.5, y: 0.42, zoom: this.least() }; this.bound(); return; }
    const [w, s, e, n] = this.box;
    const wide = toX(e) - toX(w), high = toY(s) - toY(n);
    this.view.x = (toX(w) + toX(e)) / 2; this.view.y = (toY(s) + toY(n)) / 2;
    this.view.zoom = 0.3 * Math.min(this.width / Math.max(wide, 1e-9), this.height / Math.max(high, 1e-9));
    this.bound();
  }

  px(lon, lat) {
    const v = this.view;
    return [(toX(lon) - v.x) * v.zoom + this.width / 2, (toY(lat) - v.y) * v.zoom + this.height / 2];
  }

  at(px, py) {
    const v = this.view;
    return [clamp(toLon((px - this.width / 2) / v.zoom + v.x), -180, 180),
      clamp(toLat((py - this.height / 2) / v.zoom + v.y), -TOP, TOP)];
  }

  draw() {
    if (!this.width || this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
  }

  colour(name, fallback) {
    return getComputedStyle(this.canvas).getPropertyValue(name).trim() || fallback;
  }

  paint() {
    const g = this.context, v = this.view;
    const text = this.colour("--st-text-color", "#1c2a36");
    const faint = this.colour("--st-gray-text-color", "") || text;
    const primary = this.colour("--st-primary-color", "#0b6e8f");
    const ground = this.colour("--st-secondary-background-color", "#f2f5f7");
    const page = this.colour("--st-background-color", "#ffffff");
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.fillStyle = ground; g.fillRect(0, 0, this.width, this.height);
    this.reliefs(g);
    this.graticule(g, faint);
    const found = lines();
    if (found) {
      const coarse = v.zoom < 1500;
      if (!coarse) this.stroke(g, found.border, faint, 0.8, [3, 3], 0.7);
      this.stroke(g, coarse ? found.coarse : found.coast, text, 1, [], 0.75);
    }
    const names = this.regions(g, primary);
    if (this.box) this.rectangle(g, primary);
    this.labels = [];
    for (const [name, x, y, aside, what] of names) this.label(g, name, x, y, aside, primary, page, what);
    this.cities(g, text, page);
  }

  // What lies on this machine, as it looks: rasters, and above them places whose elevation can be had by name
  reliefs(g) {
    this.pictures ??= new Map();
    for (const [w, s, e, n, url] of [...(this.data.ground || []), ...(this.data.reliefs || [])]) {
      const [x0, y0] = this.px(w, n), [x1, y1] = this.px(e, s);
      if (x1 < 0 || y1 < 0 || x0 > this.width || y0 > this.height || x1 - x0 < 3) continue;
      let picture = this.pictures.get(url);
      if (!picture) {
        picture = new Image();
        picture.onload = () => this.draw();
        picture.src = url;
        this.pictures.set(url, picture);
      }
      if (picture.complete && picture.naturalWidth) g.drawImage(picture, x0, y0, x1 - x0, y1 - y0);
    }
  }

  stroke(g, parts, colour, width, dash, alpha) {
    const v = this.view, x0 = v.x - this.width / 2 / v.zoom, x1 = v.x + this.width / 2 / v.zoom;
    const y0 = v.y - this.height / 2 / v.zoom, y1 = v.y + this.height / 2 / v.zoom;
    g.save(); g.globalAlpha = alpha; g.strokeStyle = colour; g.lineWidth = width; g.setLineDash(dash); g.beginPath();
    for (const { points, around } of parts) {
      if (around[0] > x1 || around[2] < x0 || around[1] > y1 || around[3] < y0) continue;
      for (let i = 0; i < points.length; i += 2) {
        const x = (points[i] - v.x) * v.zoom + this.width / 2, y = (points[i + 1] - v.y) * v.zoom + this.height / 2;
        if (i) g.lineTo(x, y); else g.moveTo(x, y);
      }
    }
    g.stroke(); g.restore();
  }

  graticule(g, colour) {
    const degrees = (this.width / this.view.zoom) * 360;
    const step = [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01].find((s) => degrees / s >= 3) || 0.01;
    const [w, n] = this.at(0, 0), [e, s] = this.at(this.width, this.height);
    g.save(); g.globalAlpha = 0.25; g.strokeStyle = colour; g.lineWidth = 0.6; g.beginPath();
    const marks = [];
    let free = 0; // where the last mark ends: on a narrow map not every line has one
    g.font = "10px sans-serif";
    for (let lon = Math.ceil(w / step) * step; lon <= e; lon += step) {
      const x = this.px(lon, 0)[0], mark = degree(lon, "E", "W", step), ends = x + 9 + g.measureText(mark).width;
      g.moveTo(x, 0); g.lineTo(x, this.height);
      if (x >= free && ends - 6 < this.width) { marks.push([x + 3, this.height - 5, mark]); free = ends; }
    }
    for (let lat = Math.ceil(s / step) * step; lat <= n; lat += step) {
      const y = this.px(0, lat)[1]; g.moveTo(0, y); g.lineTo(this.width, y); marks.push([4, y - 3, degree(lat, "N", "S", step)]);
    }
    g.stroke(); g.globalAlpha = 0.9; g.fillStyle = colour;
    for (const [x, y, label] of marks) g.fillText(label, x, y);
    g.restore();
  }

  // The boxes of regions; small ones are dots. Answers what is to be written, over all lines
  regions(g, colour) {
    const names = [];
    g.save(); g.lineWidth = 1.2; g.globalAlpha = 0.85; g.strokeStyle = colour; g.fillStyle = colour;
    for (const [name, title, w, s, e, n] of this.data.regions) {
      const [x0, y0] = this.px(w, n), [x1, y1] = this.px(e, s);
      if (x1 < 0 || y1 < 0 || x0 > this.width || y0 > this.height) continue;
      const small = x1 - x0 < 8, text = title.split(",")[0];
      if (small) { g.beginPath(); g.arc((x0 + x1) / 2, (y0 + y1) / 2, 3.2, 0, 7); g.fill(); } else { g.strokeRect(x0, y0, x1 - x0, y1 - y0); }
      if (small) names.push([text, (x0 + x1) / 2, (y0 + y1) / 2 + 4, 6, { name }]);
      // over its upper edge, or below that where there is no room
      else if (y0 > 0) names.push([text, Math.max(x0, 0), y0 < 16 ? y0 + 14 : y0 - 4, 4, { name }]);
    }
    g.restore();
    return names;
  }

  cities(g, colour, page) {
    const room = Math.log2(this.view.zoom / 256); // the closer, the smaller the cities that have a name
    const least = 10 ** clamp(7.1 - 0.62 * room, 5, 7.3);
    g.save();
    for (const [name, lon, lat, people] of this.data.cities) {
      if (people < least) break; // the largest first
      const [x, y] = this.px(lon, lat);
      if (x < 0 || y < 0 || x > this.width || y > this.height) continue;
      if (!this.label(g, name, x, y + 4, 5, colour, page, { name, at: [lat, lon] })) continue;
      g.fillStyle = colour; g.beginPath(); g.arc(x, y, 1.8, 0, 7); g.fill();
    }
    g.restore();
  }

  // Text beside the place x, at its other side where the map ends; not where it would be cut or lie over another
  label(g, text, x, y, aside, colour, page, what) {
    g.font = "11px sans-serif";
    const width = g.measureText(text).width;
    const at = x + aside + width > this.width - 2 ? x - aside - width : x + aside, box = [at - 6, y - 11, at + width + 3, y + 4];
    if (at < 2 || box[1] < 0 || box[3] > this.height) return false;
    if (this.labels.some(({ box: b }) => b[0] < box[2] && b[2] > box[0] && b[1] < box[3] && b[3] > box[1])) return false;
    this.labels.push({ box, what, text });
    g.lineWidth = 3; g.strokeStyle = page; g.lineJoin = "round"; g.globalAlpha = 0.85; g.strokeText(text, at, y);
    g.globalAlpha = 1; g.fillStyle = colour; g.fillText(text, at, y);
    return true;
  }

  rectangle(g, colour) {
    const [x0, y0, x1, y1] = this.frame();
    g.save(); g.strokeStyle = colour; g.fillStyle = colour; g.lineWidth = 2.2;
    g.globalAlpha = 0.16; g.fillRect(x0, y0, x1 - x0, y1 - y0); g.globalAlpha = 1; g.strokeRect(x0, y0, x1 - x0, y1 - y0);
    if (x1 - x0 > 26 && y1 - y0 > 26) for (const [x, y] of [[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) g.fillRect(x - 4, y - 4, 8, 8);
    g.restore();
  }

  frame() {
    const [w, s, e, n] = this.box, [x0, y0] = this.px(w, n), [x1, y1] = this.px(e, s);
    return [x0, y0, x1, y1];
  }

  // What a press at (x, y) would take hold of: sides to move, or all four
  gripAt(x, y) {
    if (!this.box) return null;
    const [x0, y0, x1, y1] = this.frame();
    if (x < x0 - HANDLE || x > x1 + HANDLE || y < y0 - HANDLE || y > y1 + HANDLE) return null;
    const room = Math.min(x1 - x0, y1 - y0) > 3 * HANDLE;
    const west = room && Math.abs(x - x0) < HANDLE, east = room && Math.abs(x - x1) < HANDLE;
    const north = room && Math.abs(y - y0) < HANDLE, south = room && Math.abs(y - y1) < HANDLE;
    return west || east || north || south ? { west, east, north, south } : { all: true };
  }

  bind() {
    const c = this.canvas;
    const where = (event) => { const r = c.getBoundingClientRect(); return [event.clientX - r.left, event.clientY - r.top]; };
    c.addEventListener("pointerdown", (event) => {
      c.setPointerCapture(event.pointerId);
      const [x, y] = where(event);
      this.pointers.set(event.pointerId, [x, y]);
      this.moved = false; this.last = [x, y]; this.start = [x, y];
      if (this.pointers.size > 1) { this.grip = null; this.pinch = this.spread(); return; }
      if (this.drawing || event.shiftKey) this.grip = { fresh: this.at(x, y) };
      else { this.grip = this.gripAt(x, y); if (this.grip) this.grip.from = [...this.box]; }
    });
    c.addEventListener("pointermove", (event) => {
      const [x, y] = where(event);
      if (!this.pointers.has(event.pointerId)) { this.cursor(x, y); return; }
      this.pointers.set(event.pointerId, [x, y]);
      if (this.pointers.size > 1) { const now = this.spread(); this.zoomAt(now.at[0], now.at[1], now.far / this.pinch.far); this.pinch = now; this.moved = true; return; }
      if (Math.hypot(x - this.start[0], y - this.start[1]) > 3) this.moved = true;
      if (!this.moved) return;
      if (this.grip) this.pull(x, y);
      else { this.view.x -= (x - this.last[0]) / this.view.zoom; this.view.y -= (y - this.last[1]) / this.view.zoom; this.bound(); }
      this.last = [x, y];
      this.draw();
    });
    const up = (event) => {
      if (!this.pointers.delete(event.pointerId) || this.pointers.size) return;
      const [x, y] = where(event);
      if (this.grip && this.moved && this.box) { this.drawing = false; this.buttons(); this.tell(); }
      else if (!this.moved && event.type === "pointerup") this.click(x, y);
      this.grip = null;
    };
    c.addEventListener("pointerup", up);
    c.addEventListener("pointercancel", up);
    c.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== c && this.root.activeElement !== c) return; // the page scrolls
      event.preventDefault();
      const [x, y] = where(event);
      this.zoomAt(x, y, 1.0018 ** -event.deltaY);
    }, { passive: false });
    c.addEventListener("dblclick", (event) => { const [x, y] = where(event); this.around(...this.at(x, y).reverse()); });
    c.addEventListener("keydown", (event) => this.key(event));
    this.root.querySelector(".zoom-in").onclick = () => this.zoomAt(this.width / 2, this.height / 2, 1.6);
    this.root.querySelector(".zoom-out").onclick = () => this.zoomAt(this.width / 2, this.height / 2, 1 / 1.6);
    this.root.querySelector(".draw").onclick = () => { this.drawing = !this.drawing; this.buttons(); };
    this.root.querySelector(".fit").onclick = () => { this.fit(); this.draw(); };
    this.root.querySelector(".world").onclick = () => { const box = this.box; this.box = null; this.fit(); this.box = box; this.draw(); };
  }

  buttons() {
    this.root.querySelector(".draw").setAttribute("aria-pressed", String(this.drawing));
    this.canvas.style.cursor = this.drawing ? "crosshair" : "grab";
  }

  spread() {
    const [a, b] = [...this.pointers.values()];
    return { at: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], far: Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1])) };
  }

  cursor(x, y) {
    if (this.drawing) return;
    const grip = this.gripAt(x, y);
    const hit = this.labels.some(({ box: b }) => x > b[0] && x < b[2] && y > b[1] && y < b[3]);
    let shape = hit ? "pointer" : "grab";
    if (grip) {
      const across = grip.west || grip.east, along = grip.north || grip.south;
      shape = grip.all ? "move" : across && along ? ((grip.west === grip.north) ? "nwse-resize" : "nesw-resize") : across ? "ew-resize" : "ns-resize";
    }
    this.canvas.style.cursor = shape;
  }

  zoomAt(x, y, factor) {
    const v = this.view, wx = (x - this.width / 2) / v.zoom + v.x, wy = (y - this.height / 2) / v.zoom + v.y;
    v.zoom = clamp(v.zoom * factor, this.least(), 6e6);
    v.x = wx - (x - this.width / 2) / v.zoom; v.y = wy - (y - this.height / 2) / v.zoom;
    this.bound(); this.draw();
  }

  pull(x, y) {
    const [lon, lat] = this.at(x, y), grip = this.grip;
    if (grip.fresh) {
      const [a, b] = grip.fresh;
      this.box = [Math.min(a, lon), Math.min(b, lat), Math.max(a, lon), Math.max(b, lat)];
    } else if (grip.all) {
      const [lon0, lat0] = this.at(...this.start), [w, s, e, n] = grip.from;
      const east = clamp(lon - lon0, -180 - w, 180 - e), north = clamp(lat - lat0, -TOP - s, TOP - n);
      this.box = [w + east, s + north, e + east, n + north];
    } else {
      let [w, s, e, n] = grip.from;
      if (grip.west) w = lon; if (grip.east) e = lon; if (grip.south) s = lat; if (grip.north) n = lat;
      this.box = [Math.min(w, e), Math.min(s, n), Math.max(w, e), Math.max(s, n)];
    }
    this.say();
  }

  click(x, y) {
    const hit = this.labels.find(({ box: b }) => x > b[0] && x < b[2] && y > b[1] && y < b[3]);
    if (hit && !this.drawing) this.trigger("place", hit.what);
  }

  // A box of the usual side around a place
  around(lat, lon) {
    const half = this.data.side / 2 / KM, wide = half / Math.max(0.05, Math.cos(lat * RAD));
    this.box = [clamp(lon - wide, -180, 180), clamp(lat - half, -TOP, TOP), clamp(lon + wide, -180, 180), clamp(lat + half, -TOP, TOP)];
    this.tell(); this.draw();
  }

  key(event) {
    const step = event.shiftKey ? 0 : 40, moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (move && event.shiftKey && this.box) { // moves the box by an eighth of it
      const [w, s, e, n] = this.box, dx = ((e - w) / 8) * move[0], dy = (-(n - s) / 8) * move[1];
      this.box = [w + dx, s + dy, e + dx, n + dy]; this.later();
    } else if (move) { this.view.x += (move[0] * step) / this.view.zoom; this.view.y += (move[1] * step) / this.view.zoom; this.bound(); }
    else if (event.key === "+" || event.key === "=") this.zoomAt(this.width / 2, this.height / 2, 1.4);
    else if (event.key === "-") this.zoomAt(this.width / 2, this.height / 2, 1 / 1.4);
    else if (event.key === "b" || event.key === "Enter") { const [lon, lat] = this.at(this.width / 2, this.height / 2); this.around(lat, lon); }
    else if (event.key === "Escape") { this.drawing = false; this.buttons(); }
    else return;
    event.preventDefault(); this.say(); this.draw();
  }

  later() { clearTimeout(this.timer); this.timer = setTimeout(() => this.tell(), 700); }

  tell() {
    this.box = this.box.map(round);
    this.told = JSON.stringify(this.box);
    this.say();
    this.send("box", this.box);
  }

  say() {
    if (!this.box) { this.said.textContent = this.data.words || ""; return; }
    const [w, s, e, n] = this.box, middle = (s + n) / 2;
    const wide = (e - w) * KM * Math.cos(middle * RAD), high = (n - s) * KM;
    const side = (km) => (km < 10 ? km.toFixed(1) : Math.round(km).toLocaleString("en"));
    const count = (d) => Math.round(d * 3600), pixels = count(e - w) * count(n - s);
    const known = new Set((this.data.tiles || []).map(String));
    let tiles = 0; // that are not here yet
    for (let lon = Math.floor(w + 1e-9); lon < e - 1e-9; lon += 1) {
      for (let lat = Math.floor(s + 1e-9); lat < n - 1e-9; lat += 1) tiles += known.has(`${lon},${lat}`) ? 0 : 1;
    }
    const here = (this.data.reliefs || []).some((r) => [w, s, e, n].every((v, k) => Math.abs(v - r[k]) < 1e-6));
    const large = e - w > this.data.most || n - s > this.data.most;
    const size = (tiles * (this.data.megabytes || 0)).toLocaleString("en");
    const fetched = `to fetch once: ${tiles} tile${tiles > 1 ? "s" : ""} of a degree, at most about ${size} MB`;
    const cost = here || !tiles ? "on this machine" : fetched;
    this.said.textContent = `${side(wide)} × ${side(high)} km, ${count(e - w).toLocaleString("en")} × ` +
      `${count(n - s).toLocaleString("en")} pixels of an arc second (${pixels.toLocaleString("en")} samples), ${cost}` +
      (large ? `. Too large to be fetched: at most about ${this.data.most} × ${this.data.most} degrees.` : "");
    this.said.classList.toggle("large", large);
  }
}

function degree(value, plus, minus, step) {
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  return `${Math.abs(value).toFixed(digits)}°${value > 1e-9 ? plus : value < -1e-9 ? minus : ""}`;
}

export default function (component) {
  const { parentElement, data, setStateValue, setTriggerValue } = component;
  if (!parentElement.npfMap) parentElement.npfMap = new WorldMap(parentElement, setStateValue, setTriggerValue);
  const map = parentElement.npfMap;
  map.send = setStateValue; map.trigger = setTriggerValue;
  map.update(data);
  return () => { map.stop(); delete parentElement.npfMap; };
}
