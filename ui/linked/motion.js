// Motion: points on their way between panels. t counts the ways gone: 0 at the first panel, 1 at the second.
const WAY_SECONDS = 2.4, REST_SECONDS = 0.7, FRAME = 1000 / 33, FEWEST = 4000;
const QUIET = 0.25; // of a way, at once and once a second, for a visitor who asked for less motion

class Motion {
  constructor(view) {
    this.view = view;
    this.t = 0;
    this.playing = false;
    this.most = 60000; // points a frame: fewer where frames take too long
    this.frames = [];
  }

  get places() {
    return this.view.cloud.places[this.view.way] ?? [];
  }

  get end() {
    return Math.max(1, this.places.length - 1);
  }

  /** The two panels that are mixed now, and in which share. */
  now() {
    const k = Math.min(this.end - 1, Math.floor(this.t));
    const [a, b] = [this.places[k], this.places[k + 1]].map((key) => this.view.cloud.byKey.get(key));
    return { a, b, t: this.t - k };
  }

  set(t) {
    this.t = Math.max(0, Math.min(this.end, t));
    this.view.moved();
  }

  toggle() {
    if (this.playing) return this.stop();
    if (this.t >= this.end) this.t = 0;
    this.playing = true;
    this.view.bare = false;
    this.frames = [];
    this.clock = this.at(this.t);
    this.quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
    Object.assign(this, { last: performance.now(), begun: performance.now(), from: this.t });
    this.view.told();
    requestAnimationFrame(() => this.frame());
  }

  stop() {
    if (!this.playing) return;
    this.playing = false;
    this.view.moved();
  }

  /** Seconds of the film at which t is reached, and back: each way is eased, and rests where it ends. */
  at(t) {
    const k = Math.min(this.end - 1, Math.floor(t)), share = t - k;
    let low = 0, high = 1;
    for (let step = 0; step < 30; step++) {
      const middle = (low + high) / 2;
      if (middle * middle * (3 - 2 * middle) < share) low = middle;
      else high = middle;
    }
    return k * (WAY_SECONDS + REST_SECONDS) + low * WAY_SECONDS;
  }

  of(seconds) {
    const k = Math.floor(seconds / (WAY_SECONDS + REST_SECONDS));
    const share = Math.min(1, (seconds - k * (WAY_SECONDS + REST_SECONDS)) / WAY_SECONDS);
    return k + share * share * (3 - 2 * share);
  }

  frame() {
    if (!this.playing || this.view.ended) return;
    const now = performance.now(), passed = now - this.last;
    this.last = now;
    this.frames.push(passed);
    this.clock += Math.min(passed, 200) / 1000;
    const t = this.quiet ? this.from + Math.floor((now - this.begun) / 1000) * QUIET : this.of(this.clock);
    this.t = Math.min(this.end, t);
    const took = this.view.picture.paintNow(Math.min(this.view.cloud.n, this.most));
    if (took > FRAME * 0.6) this.most = Math.max(FEWEST, Math.round(this.most * 0.75));
    else if (took < FRAME * 0.25) this.most = Math.min(this.view.cloud.n, Math.round(this.most * 1.15));
    this.view.told();
    this.spent = (this.spent ?? 0) + performance.now() - now;
    if (this.t >= this.end) {
      this.view.root.dataset.own = (this.spent / this.frames.length).toFixed(1);
      const mean = this.frames.reduce((a, b) => a + b, 0) / this.frames.length;
      this.view.root.dataset.fps = (1000 / mean).toFixed(1);
      return this.stop();
    }
    requestAnimationFrame(() => this.frame());
  }
}

/** The point of the stage of motion nearest to a spot, among the first that are drawn. */
function nearestMoving(view, [px, py], reach) {
  const frame = view.frames.get("stage");
  if (!frame?.holds(px, py)) return -1;
  const n = Math.min(view.cloud.n, 60000);
  let best = reach * reach, found = -1;
  for (let i = 0; i < n; i++) {
    const [x, y] = frame.px(...stagePoint(view, i));
    const away = (x - px) ** 2 + (y - py) ** 2;
    if (away < best) { best = away; found = i; }
  }
  return found;
}

/** Where point i is on the stage now, or at panel ``key`` of the way. */
function stagePoint(view, i, key = null) {
  const { a, b, t } = view.motion.now();
  const at = (panel, k) => panel.stage[k] * coordinate(panel, i, k) + panel.stage[k + 2];
  if (key) return [0, 1].map((k) => at(view.cloud.byKey.get(key), k));
  return [0, 1].map((k) => (1 - t) * at(a, k) + t * at(b, k));
}
