// What every scene in motion shares: its message, its clock, its controls, its colours. It stands after some files of ui/linked.
const QUIET = 20; // moments that a film has for a visitor who asked for less motion, two a second
const KEYS = "Space plays and pauses, arrow keys go a little, Home and End to the ends, comma and period change the speed";

/** Time from 0 to 1, played with the browser's frames. */
class Clock {
  constructor(scene, seconds) {
    Object.assign(this, { scene, seconds, t: 0, speed: 1, playing: false });
  }

  set(t) {
    this.t = Math.max(0, Math.min(1, t));
    this.scene.draw();
  }

  toggle() {
    if (this.playing) return this.stop();
    if (this.t >= 1) this.t = 0;
    this.playing = true;
    this.quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
    Object.assign(this, { begun: performance.now(), last: performance.now(), frames: 0, spent: 0, from: this.t });
    this.scene.draw();
    requestAnimationFrame(() => this.frame());
  }

  stop() {
    if (!this.playing) return;
    this.playing = false;
    this.scene.root.dataset.fps = ((1000 * this.frames) / (performance.now() - this.begun)).toFixed(1);
    this.scene.root.dataset.own = (this.spent / Math.max(1, this.frames)).toFixed(1); // milliseconds of a frame
    this.scene.draw();
  }

  frame() {
    if (!this.playing || this.scene.ended) return;
    const now = performance.now(), passed = Math.min(now - this.last, 250) / 1000;
    this.last = now;
    if (this.quiet) {
      const moments = Math.floor((now - this.begun) / 500) * this.speed;
      this.t = Math.min(1, this.from + moments / QUIET);
    } else this.t = Math.min(1, this.t + (passed * this.speed) / this.seconds);
    this.frames += 1;
    this.scene.draw();
    this.spent += performance.now() - now;
    if (this.t >= 1) return this.stop();
    requestAnimationFrame(() => this.frame());
  }
}

const SPEEDS = [0.25, 0.5, 1, 2, 4];

/** Play, slider and speed: the slider is the stop of the Tab key, and its keys do what the others do. */
function controls(scene, more = []) {
  const { clock } = scene;
  const play = made("button", { type: "button", class: "play", title: "Play or pause (space)" }, "▶ Play");
  const slide = made("input", { type: "range", min: "0", max: "1", step: "0.002", "aria-label": `Time. ${KEYS}. ${TO_TOOLS}.` });
  const speed = made("select", { "aria-label": "Speed", title: "Speed (comma and period)" },
    ...SPEEDS.map((value) => made("option", { value: String(value) }, `${value}×`)));
  const time = made("span", { class: "time" });
  const faster = (by) => {
    const at = Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(clock.speed) + by));
    clock.speed = SPEEDS[at];
    speed.value = String(clock.speed);
  };
  faster(0);
  play.addEventListener("click", () => clock.toggle());
  speed.addEventListener("change", () => { clock.speed = Number(speed.value); });
  slide.addEventListener("input", () => {
    const to = Number(slide.value); // stopping puts the slider where the clock was
    clock.stop();
    clock.set(to);
  });
  slide.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 0.1 : scene.step ?? 0.01;
    const to = { ArrowLeft: -far, ArrowDown: -far, ArrowRight: far, ArrowUp: far, PageDown: -0.1, PageUp: 0.1 }[event.key];
    if (to !== undefined) { clock.stop(); clock.set(clock.t + to); }
    else if (event.key === " ") clock.toggle();
    else if (event.key === "," || event.key === ".") faster(event.key === "." ? 1 : -1);
    else return;
    event.preventDefault();
  });
  Object.assign(scene, { playButton: play, slide, time });
  return made("div", { class: "film", role: "group", "aria-label": "Film" }, play, slide, time, speed, ...more);
}

/** Where the clock is, on the controls: ten times a second while it plays. */
function tellTime(scene, text) {
  const { clock, playButton, slide, time } = scene, now = performance.now();
  say(playButton, clock.playing ? "❚❚ Pause" : "▶ Play");
  if (clock.playing && now - (scene.spoken ?? 0) < 100) return;
  scene.spoken = now;
  slide.value = String(clock.t);
  slide.setAttribute("aria-valuetext", text);
  say(time, text);
}

/** Text as it should be: writing the same again would have the page laid out anew. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A bar of 256 colours between words of what its ends mean. */
function scale(lut, before, after) {
  const bar = made("canvas", { width: "256", height: "1", "aria-hidden": "true" }), pen = bar.getContext("2d");
  const image = pen.createImageData(256, 1);
  for (let k = 0; k < 256; k++) image.data.set([lut[3 * k], lut[3 * k + 1], lut[3 * k + 2], 255], 4 * k);
  pen.putImageData(image, 0, 0);
  return [before, bar, after];
}

/** A group of buttons of which one is pressed. */
function choice(label, labels, chosen, choose) {
  const group = made("span", { class: "choice", role: "group", "aria-label": label });
  for (const [key, text] of Object.entries(labels)) {
    const own = key === chosen;
    const button = made("button", { type: "button", "aria-pressed": String(own) }, text);
    button.addEventListener("click", () => {
      for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
      choose(key);
    });
    group.append(button);
  }
  return group;
}

/** What a scene is made of: a root that keeps its size, its message, its clock, and canvases that fit it. */
class Scene {
  constructor(host) {
    this.root = made("div", { class: "npf-motion" });
    host.append(this.root);
    this.canvases = [];
    this.watch = new ResizeObserver(() => this.layout());
    this.watch.observe(this.root);
  }

  /** Streamlit calls this at every run of the page: only another message is drawn anew. */
  update(bytes) {
    const { head, array } = readMessage(bytes);
    if (head.id !== this.id) {
      this.id = head.id;
      this.head = head;
      this.clock?.stop();
      this.build(head, (name) => array(head.arrays[name]));
      this.settle = this.settle ?? oneStop(this.root, () => this.stop, () => `${this.keys ?? KEYS}. ${TO_TOOLS}.`);
      this.settle();
    }
    this.theme();
    this.layout();
  }

  theme() {
    const style = getComputedStyle(this.root);
    const of = (name, other) => style.getPropertyValue(`--st-${name}-color`).trim() || other;
    Object.assign(this, { ink: of("text", "#1c2a36"), ground: of("background", "#ffffff"), accent: of("link", "#0b6e8f") });
    this.font = style.fontFamily;
  }

  /** Where the Tab key comes to. */
  get stop() {
    return this.slide;
  }

  /** A canvas that fills ``parent``; its context draws in CSS pixels. */
  canvas(parent, options) {
    const canvas = made("canvas", { "aria-hidden": "true" });
    parent.append(canvas);
    this.canvases.push(canvas);
    canvas.pen = canvas.getContext("2d", options);
    return canvas;
  }

  layout() {
    if (!this.id || this.ended || !this.root.clientWidth) return;
    this.root.classList.toggle("narrow", this.root.clientWidth < 640);
    this.ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    for (const canvas of this.canvases) {
      const box = canvas.parentElement.getBoundingClientRect();
      const [w, h] = [Math.round(box.width * this.ratio), Math.round(box.height * this.ratio)];
      if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
      Object.assign(canvas, { w: box.width, h: box.height });
    }
    this.placed();
    this.draw();
  }

  /** The canvases have their size. */
  placed() {}

  end() {
    this.ended = true;
    this.clock?.stop();
    this.watch.disconnect();
    this.root.remove();
  }
}

function clean(scene, canvas) {
  canvas.pen.setTransform(scene.ratio, 0, 0, scene.ratio, 0, 0);
  canvas.pen.clearRect(0, 0, canvas.w, canvas.h);
  return canvas.pen;
}

/** Numbers along the two axes of a frame, with a rim so that they can be read on anything. */
function drawTicks(scene, pen, frame) {
  const { x, y, w, h } = frame.rect, [x0, x1, y0, y1] = frame.range;
  Object.assign(pen, { font: `11px ${scene.font}`, lineJoin: "round", lineWidth: 3.5, strokeStyle: scene.ground, fillStyle: scene.ink });
  const write = (text, px, py, align, base) => {
    Object.assign(pen, { textAlign: align, textBaseline: base });
    pen.strokeText(text, px, py);
    pen.fillText(text, px, py);
  };
  for (const [value, text] of ticks(x0, x1, w / 70)) {
    const at = frame.px(value, y0)[0];
    if (at > x + 34 && at < x + w - 18) write(text, at, y + h - 3, "center", "bottom");
  }
  for (const [value, text] of ticks(y0, y1, h / 60)) {
    const at = frame.px(x0, value)[1];
    if (at > y + 10 && at < y + h - 18) write(text, x + 4, at, "left", "middle");
  }
}

/** Save what canvases show, one over the other, as a picture on the page's ground. */
function saved(scene, canvases, name) {
  const button = made("button", { type: "button", class: "quiet", title: "Save this moment as a picture" }, "PNG");
  button.addEventListener("click", () => {
    const groups = canvases(), widths = groups.map((group) => group[0].width), gap = groups.length > 1 ? 16 : 0;
    const sheet = made("canvas", { width: String(widths.reduce((a, b) => a + b + gap, -gap)), height: String(Math.max(...groups.map((group) => group[0].height))) });
    const pen = sheet.getContext("2d");
    pen.fillStyle = scene.ground;
    pen.fillRect(0, 0, sheet.width, sheet.height);
    let left = 0;
    for (const group of groups) {
      for (const canvas of group) pen.drawImage(canvas, left, 0);
      left += group[0].width + gap;
    }
    const link = made("a", { href: sheet.toDataURL("image/png"), download: `${name}.png` });
    link.click();
  });
  return button;
}

const scenes = new WeakMap();

/** The function of a component whose scenes are of one class. */
function mounting(Kind) {
  return ({ data, parentElement }) => {
    let scene = scenes.get(parentElement);
    if (!scene) scenes.set(parentElement, (scene = new Kind(parentElement)));
    scene.update(data);
    return () => {
      scene.end();
      scenes.delete(parentElement);
    };
  };
}
