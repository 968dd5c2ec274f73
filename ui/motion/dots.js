// Round dots written into the pixels of a canvas: ten thousand a frame take a processor a few milliseconds, which drawing
// each by the canvas takes ten times over. A dot has 16 stamps, one for each quarter of a pixel that it may lie at.
const QUARTERS = 4;

class Dots {
  constructor(canvas) {
    this.canvas = canvas;
    this.image = canvas.pen.createImageData(Math.max(1, canvas.width), Math.max(1, canvas.height));
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  clear() {
    this.pixels.fill(0);
  }

  /** A dot in the middle of (x, y), in pixels of the device. */
  put(x, y, stamps) {
    const { width: w, height: h } = this.image, { pixels } = this;
    const left = Math.floor(x), top = Math.floor(y);
    if (!(left >= 0 && left < w && top >= 0 && top < h)) return;
    const quarter = Math.floor((y - top) * QUARTERS) * QUARTERS + Math.floor((x - left) * QUARTERS);
    const { across, down, colours } = stamps[quarter];
    const inner = left > 8 && left < w - 9 && top > 8 && top < h - 9; // no stamp is larger
    for (let k = 0; k < colours.length; k++) {
      const column = left + across[k], row = top + down[k];
      if (!inner && (column < 0 || column >= w || row < 0 || row >= h)) continue;
      const at = row * w + column, own = colours[k];
      if (own >>> 24 >= pixels[at] >>> 24) pixels[at] = own; // a soft edge gives way to what lies below it
    }
  }

  show() {
    this.canvas.pen.putImageData(this.image, 0, 0);
  }
}

/** The stamps of a dot of this colour with a white rim; ``radius`` in pixels of the device, at most 6. */
function stampsOf(colour, radius) {
  const side = 2 * Math.ceil(radius + 2), found = [];
  const pen = made("canvas", { width: String(side), height: String(side) }).getContext("2d", { willReadFrequently: true });
  for (let quarter = 0; quarter < QUARTERS * QUARTERS; quarter++) {
    pen.clearRect(0, 0, side, side);
    const x = side / 2 + ((quarter % QUARTERS) + 0.5) / QUARTERS, y = side / 2 + (Math.floor(quarter / QUARTERS) + 0.5) / QUARTERS;
    for (const [ink, r] of [["#ffffff", radius + 0.5], [colour, radius - 0.3]]) {
      pen.fillStyle = ink;
      pen.beginPath();
      pen.arc(x, y, r, 0, 2 * Math.PI);
      pen.fill();
    }
    const all = new Uint32Array(pen.getImageData(0, 0, side, side).data.buffer);
    const kept = [...all.keys()].filter((at) => all[at] >>> 24 > 24);
    found.push({
      across: Int32Array.from(kept, (at) => (at % side) - side / 2),
      down: Int32Array.from(kept, (at) => Math.floor(at / side) - side / 2),
      colours: Uint32Array.from(kept, (at) => all[at]),
    });
  }
  return found;
}
