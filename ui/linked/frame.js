// Where things are: rectangles of the panels, what range each shows, ticks, and how numbers are written.

/** Ranges [x0, x1, y0, y1] that fill a rectangle of w by h pixels with units of the panel's ratio. */
function fitted([x0, x1, y0, y1], ratio, w, h) {
  if (ratio === null || !(w > 0) || !(h > 0)) return [x0, x1, y0, y1];
  const across = (x1 - x0) / w, up = ((y1 - y0) * ratio) / h; // of a pixel, in units of the first axis
  const grown = (a, b, to) => [(a + b) / 2 - to / 2, (a + b) / 2 + to / 2];
  if (across >= up) return [x0, x1, ...grown(y0, y1, (across * h) / ratio)];
  return [...grown(x0, x1, up * w), y0, y1];
}

class Frame {
  constructor(rect, range) {
    this.rect = rect;
    this.range = range;
  }

  get pixels() {
    return [this.rect.w / (this.range[1] - this.range[0]), this.rect.h / (this.range[3] - this.range[2])];
  }

  px(x, y) {
    const [sx, sy] = this.pixels;
    return [this.rect.x + (x - this.range[0]) * sx, this.rect.y + this.rect.h - (y - this.range[2]) * sy];
  }

  data(px, py) {
    const [sx, sy] = this.pixels;
    return [this.range[0] + (px - this.rect.x) / sx, this.range[2] + (this.rect.y + this.rect.h - py) / sy];
  }

  holds(px, py, slack = 0) {
    const { x, y, w, h } = this.rect;
    return px >= x - slack && px <= x + w + slack && py >= y - slack && py <= y + h + slack;
  }

  /** Scale and offset from a panel's codes in [0, 1] to [-1, 1] of this frame. */
  transform(panel) {
    const [x0, x1, y0, y1] = this.range;
    const of = (k, a, b) => [(2 * (panel.high[k] - panel.low[k])) / (b - a), (2 * (panel.low[k] - a)) / (b - a) - 1];
    const [sx, ox] = of(0, x0, x1), [sy, oy] = of(1, y0, y1);
    return [sx, sy, ox, oy];
  }

  device(ratio) {
    const { x, y, w, h } = this.rect;
    const left = Math.round(x * ratio), top = Math.round(y * ratio);
    return { x: left, y: top, w: Math.round((x + w) * ratio) - left, h: Math.round((y + h) * ratio) - top };
  }
}

const STAGE = 1.12; // half the side of the stage of motion, in its units

/** Scale and offset from a panel's codes to the stage of motion, on which it lies in about [-1, 1]^2. */
function staged(panel) {
  const [sx, sy, ox, oy] = panel.stage;
  return [
    (sx * (panel.high[0] - panel.low[0])) / STAGE, (sy * (panel.high[1] - panel.low[1])) / STAGE,
    (sx * panel.low[0] + ox) / STAGE, (sy * panel.low[1] + oy) / STAGE,
  ];
}

/** Round places on an axis, at most about ``most`` of them. */
function ticks(low, high, most) {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((size) => size >= rough) ?? 10 * power;
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return found.map((value) => [value, plainNumber(value, places)]);
}

function plainNumber(value, places) {
  const size = Math.abs(value);
  if (size < 0.5 * 10 ** -places) value = 0; // no minus before a zero
  if (size >= 1e7 || (size > 0 && places > 7)) return value.toExponential(1).replace("e+", "e");
  const text = value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
  return text.replace("-", "−");
}

/** A coordinate on an axis that is so wide: to a ten thousandth of it. */
function place(value, width) {
  if (!(width >= 1e-6 && width < 1e12)) return String(Number(value.toPrecision(6)));
  return plainNumber(value, Math.min(12, Math.max(0, 4 - Math.floor(Math.log10(width)))));
}

/** Four significant digits. */
function figure(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(2).replace("-", "−").replace("e+", "e");
  const places = size === 0 ? 0 : Math.max(0, 3 - Math.floor(Math.log10(size)));
  return plainNumber(value, Math.min(10, places));
}

/** The title of a panel: plain text and lowered letters, whatever the string holds. */
function writeTitle(element, title) {
  element.replaceChildren();
  for (const [k, part] of title.split(/<sub>|<\/sub>/).entries()) {
    const piece = document.createElement(k % 2 ? "sub" : "span");
    piece.textContent = part;
    element.append(piece);
  }
}

/** An element with attributes and children. */
function made(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
