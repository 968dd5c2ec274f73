// Painting points: by WebGL, one context for all panels, or by filling pixels where there is none. A job is
// {rect, a, ta, b, tb, t, alone}: where on the canvas (device pixels), and the one or two panels whose points are mixed,
// each with scale and offset [sx, sy, ox, oy] from its codes in [0, 1] to [-1, 1]; size: of a point; alone: where some
// are selected those and no others, else the first few.
const FEW = 1500; // points over a relief that is seen between them

/** How many of the first ``to`` points a job paints. */
function lastOf(job, look, to) {
  return Math.min(to, job.a.count, job.b?.count ?? to, job.alone && !look.mask ? FEW : to);
}

const VERTEX = `
attribute vec2 a; attribute vec2 b; attribute float value; attribute float chosen;
uniform vec4 ta; uniform vec4 tb; uniform float t; uniform float size; uniform bool some;
varying float shade; varying float lit;
void main() {
  vec2 place = mix(a * ta.xy + ta.zw, b * tb.xy + tb.zw, t);
  lit = some ? step(0.5, chosen) : 1.0;
  shade = value;
  gl_Position = vec4(place, some && lit > 0.5 ? -0.5 : 0.5, 1.0);
  gl_PointSize = size;
}`;
const FRAGMENT = `
precision mediump float;
uniform sampler2D lut; uniform vec4 rest; uniform float strength;
varying float shade; varying float lit;
void main() {
  vec4 own = vec4(texture2D(lut, vec2((shade * 255.0 + 0.5) / 256.0, 0.5)).rgb, strength);
  gl_FragColor = lit > 0.5 ? own : rest;
}`;

class GlPainter {
  /** Throws where the canvas has no WebGL; unless ``slow``, also where it is done in software. */
  constructor(canvas, lost, slow) {
    this.canvas = canvas;
    const gl = canvas.getContext("webgl", {
      antialias: false, preserveDrawingBuffer: true, depth: true, failIfMajorPerformanceCaveat: !slow,
    });
    if (!gl) throw new Error("no WebGL");
    const told = gl.getExtension("WEBGL_debug_renderer_info");
    const driver = told ? String(gl.getParameter(told.UNMASKED_RENDERER_WEBGL)) : "";
    if (!slow && /swiftshader|llvmpipe|software/i.test(driver)) {
      gl.getExtension("WEBGL_lose_context")?.loseContext();
      throw new Error("WebGL in software");
    }
    this.gl = gl;
    canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); lost(); });
    this.program = linkedProgram(gl);
    this.at = (name) => gl.getUniformLocation(this.program, name);
    this.buffers = new Map();
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    for (const [key, value] of [[gl.TEXTURE_MIN_FILTER, gl.NEAREST], [gl.TEXTURE_MAG_FILTER, gl.NEAREST],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE]])
      gl.texParameteri(gl.TEXTURE_2D, key, value);
    gl.useProgram(this.program);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    gl.enable(gl.SCISSOR_TEST);
  }

  get name() { return "webgl"; }

  /** A typed array as a buffer, uploaded once as long as it is the same array. */
  buffer(key, array) {
    const gl = this.gl;
    let known = this.buffers.get(key);
    if (!known) this.buffers.set(key, (known = { handle: gl.createBuffer(), array: null }));
    gl.bindBuffer(gl.ARRAY_BUFFER, known.handle);
    if (known.array !== array) {
      gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
      known.array = array;
    }
  }

  attribute(name, key, array, size) {
    const gl = this.gl, at = gl.getAttribLocation(this.program, name);
    this.buffer(key, array);
    const type = array instanceof Uint16Array ? gl.UNSIGNED_SHORT
      : array instanceof Uint8Array ? gl.UNSIGNED_BYTE : gl.FLOAT;
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, type, type !== gl.FLOAT, 0, 0);
  }

  /** Points from .. to of every job; the canvas is cleared first where ``from`` is 0. */
  paint(jobs, look, from, to) {
    const gl = this.gl;
    gl.useProgram(this.program);
    if (from === 0) {
      gl.disable(gl.SCISSOR_TEST);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.enable(gl.SCISSOR_TEST);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, look.lut);
    }
    gl.uniform1i(this.at("some"), look.mask ? 1 : 0);
    gl.uniform1f(this.at("strength"), look.strength);
    for (const job of jobs) {
      gl.uniform1f(this.at("size"), job.size);
      gl.uniform4f(this.at("rest"), ...look.rest.map((part, k) => (job.alone && k === 3 ? 0 : part / 255)));
      const { x, y, w, h } = job.rect, top = this.canvas.height - y - h;
      gl.viewport(x, top, w, h);
      gl.scissor(x, top, w, h);
      const b = job.b ?? job.a;
      this.attribute("a", `points ${job.a.key}`, job.a.codes, 2);
      this.attribute("b", `points ${b.key}`, b.codes, 2);
      const values = look.values(job.a);
      this.attribute("value", `values ${values.key}`, values.array, 1);
      if (look.mask) this.attribute("chosen", "mask", look.mask, 1);
      else gl.disableVertexAttribArray(gl.getAttribLocation(this.program, "chosen"));
      gl.uniform4f(this.at("ta"), ...job.ta);
      gl.uniform4f(this.at("tb"), ...(job.tb ?? job.ta));
      gl.uniform1f(this.at("t"), job.t ?? 0);
      gl.drawArrays(gl.POINTS, from, Math.max(0, lastOf(job, look, to) - from));
    }
  }

  /** Wait until all is drawn, as a reader of pixels does. */
  finish() {
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  end() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function linkedProgram(gl) {
  const program = gl.createProgram();
  for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? "shader");
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, 0, "a"); // attribute 0 must be an array that is on
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? "program");
  return program;
}

class RasterPainter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true }); // its pixels stay in memory
    if (!this.context) throw new Error("no canvas");
  }

  get name() { return "raster"; }

  paint(jobs, look, from, to) {
    if (from === 0) this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const colours = packedColours(look);
    for (const job of jobs) {
      const { x, y, w, h } = job.rect;
      if (w < 1 || h < 1) continue;
      const image = from === 0 ? this.context.createImageData(w, h) : this.context.getImageData(x, y, w, h);
      const pixels = new Uint32Array(image.data.buffer);
      const passes = look.mask && !job.alone ? [false, true] : [true];
      for (const lit of passes) this.fill(pixels, w, h, job, look, colours, lit, from, lastOf(job, look, to));
      this.context.putImageData(image, x, y);
    }
  }

  fill(pixels, w, h, job, look, colours, lit, from, to) {
    const { a, ta, t = 0 } = job, b = job.b ?? a, tb = job.tb ?? ta, mask = look.mask;
    const values = look.values(a), scale = values.array instanceof Uint16Array ? 255 / 65535 : 1;
    const size = Math.max(1, Math.round(job.size)), back = (size - 1) >> 1, s = 1 - t;
    const ax = a.step * ta[0] * s, ay = a.step * ta[1] * s, bx = b.step * tb[0] * t, by = b.step * tb[1] * t;
    const ox = ta[2] * s + tb[2] * t, oy = ta[3] * s + tb[3] * t;
    for (let i = from; i < to; i++) {
      if (mask && (mask[i] !== 0) !== lit) continue;
      const px = a.codes[2 * i] * ax + b.codes[2 * i] * bx + ox;
      const py = a.codes[2 * i + 1] * ay + b.codes[2 * i + 1] * by + oy;
      if (!(px >= -1 && px <= 1 && py >= -1 && py <= 1)) continue;
      const column = ((px + 1) * 0.5 * w - back) | 0, row = ((1 - py) * 0.5 * h - back) | 0;
      const colour = lit ? colours.own[(values.array[i] * scale + 0.5) | 0] : colours.rest;
      for (let r = Math.max(0, row); r < Math.min(h, row + size); r++)
        for (let c = Math.max(0, column); c < Math.min(w, column + size); c++) pixels[r * w + c] = colour;
    }
  }

  finish() {}
  end() {}
}

/** Colours as the pixels of a little-endian machine hold them. */
function packedColours(look) {
  const packed = (r, g, b, a) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
  const own = new Uint32Array(256);
  for (let k = 0; k < 256; k++)
    own[k] = packed(look.lut[3 * k], look.lut[3 * k + 1], look.lut[3 * k + 2], Math.round(255 * look.strength));
  return { own, rest: packed(...look.rest) };
}

/** The painter that this browser has. Where a processor does WebGL's work, it fills pixels fifty times as fast by itself:
 * 830,000 points take SwiftShader five seconds. ``wanted``: "webgl" or "raster" to have that one all the same. */
function painterFor(canvas, wanted, lost) {
  if (wanted !== "raster") {
    try {
      return new GlPainter(canvas, lost, wanted === "webgl");
    } catch {
      // falls back; a canvas that has had a context of one kind gives none of another
    }
  }
  const fresh = canvas.cloneNode();
  canvas.replaceWith(fresh);
  return new RasterPainter(fresh);
}
