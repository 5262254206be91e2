// A drawing at the model's size, with the colours of the recordings.

import { startPicture } from "./start.js";
import { $, make, sizeCanvas, wholeScale } from "./ui.js";

const UNDOS = 60;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The drawing. The eraser paints the first colour of the palette, the background. */
export class Drawing {
  constructor(world, begin) {
    const { width, height } = world;
    this.width = width;
    this.height = height;
    this.palette = world.palette.length ? world.palette : ["#ffffff", "#000000"];
    this.colour = this.palette.at(-1);
    this.canvas = $("drawing");
    this.layout();
    addEventListener("resize", () => this.layout());
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.undos = [];
    this.cursor = null; // the place of the pen when keys move it
    this.clear();
    this.makePalette();
    this.listen();
    const label = `Drawing, ${width} by ${height} pixels. Arrow keys move the pen, space draws.`;
    this.canvas.setAttribute("aria-label", label);
    $("pen-size").oninput = () => {
      $("pen-size-value").textContent = $("pen-size").value;
    };
    $("undo").onclick = () => this.undo();
    $("clear").onclick = () => {
      this.keep();
      this.clear();
    };
    $("draw-play").onclick = () =>
      begin($("draw-play"), $("draw-error"), async () => startPicture(await this.png(), "crop"));
  }

  layout() {
    const { width, height } = this;
    const room = Math.min(330, document.documentElement.clientWidth - 56);
    sizeCanvas(this.canvas, width, height, wholeScale(width, height, room, 260));
  }

  makePalette() {
    for (const [number, colour] of this.palette.entries()) {
      const input = make("input", { type: "radio", name: "colour", id: `colour-${number}` });
      input.setAttribute("aria-label", `Colour ${colour}`);
      input.checked = colour === this.colour;
      input.onchange = () => {
        this.colour = colour;
        if ($("tool-eraser").checked) $("tool-pen").checked = true;
      };
      const swatch = make("span", {});
      swatch.style.background = colour;
      $("palette").append(make("label", { title: colour }, input, swatch));
    }
  }

  listen() {
    const { canvas } = this;
    canvas.onpointerdown = (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.keep();
      this.last = this.placeOf(event);
      this.use(this.last, this.last);
    };
    canvas.onpointermove = (event) => {
      if (!this.last) return;
      const place = this.placeOf(event);
      if (!$("tool-fill").checked) this.use(this.last, place);
      this.last = place;
    };
    canvas.onpointerup = canvas.onpointercancel = () => {
      this.last = null;
    };
    canvas.onkeydown = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "z") this.undo();
      else if (event.code in MOVES) this.moveCursor(...MOVES[event.code], event.shiftKey);
      else if (event.code === "Space" && this.cursor) {
        this.keep();
        this.use(this.cursor, this.cursor);
      } else return;
      event.preventDefault();
    };
    canvas.onfocus = () => this.moveCursor(0, 0, false);
    canvas.onblur = () => this.showCursor(null);
  }

  /** Moves the keyboard's pen; with `draws` it leaves a line. */
  moveCursor(x, y, draws) {
    const before = this.cursor ?? [this.width >> 1, this.height >> 1];
    const after = [
      Math.max(0, Math.min(this.width - 1, before[0] + x)),
      Math.max(0, Math.min(this.height - 1, before[1] + y)),
    ];
    if (draws) {
      this.keep();
      this.use(before, after);
    }
    this.showCursor(after);
  }

  /** Shows where the keyboard's pen is. It is a mark on the page, not in the drawing. */
  showCursor(place) {
    if (place) this.cursor = place;
    const scale = parseFloat(this.canvas.style.width) / this.width;
    $("pen-mark").hidden = !place || !this.canvas.matches(":focus-visible");
    if (!place) return;
    $("pen-mark").style.transform = `translate(${place[0] * scale}px, ${place[1] * scale}px)`;
    $("pen-mark").style.width = $("pen-mark").style.height = `${scale}px`;
  }

  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      Math.floor(((event.clientX - box.left) / box.width) * this.width),
      Math.floor(((event.clientY - box.top) / box.height) * this.height),
    ];
  }

  /** Uses the chosen tool from one pixel to another. */
  use(from, to) {
    if ($("tool-fill").checked) return this.fill(...to);
    this.context.fillStyle = $("tool-eraser").checked ? this.palette[0] : this.colour;
    const size = Number($("pen-size").value);
    const half = (size - 1) >> 1;
    const steps = Math.max(1, Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
    for (let step = 0; step <= steps; step += 1) {
      const x = Math.round(from[0] + ((to[0] - from[0]) * step) / steps);
      const y = Math.round(from[1] + ((to[1] - from[1]) * step) / steps);
      this.context.fillRect(x - half, y - half, size, size);
    }
  }

  /** Fills the area of one colour around a pixel. */
  fill(x, y) {
    const image = this.context.getImageData(0, 0, this.width, this.height);
    const pixels = new Uint32Array(image.data.buffer);
    this.context.fillStyle = this.colour;
    this.context.fillRect(x, y, 1, 1);
    const paint = new Uint32Array(this.context.getImageData(x, y, 1, 1).data.buffer)[0];
    const old = pixels[y * this.width + x];
    if (old === paint) return;
    const open = [[x, y]];
    while (open.length) {
      const [a, b] = open.pop();
      if (a < 0 || b < 0 || a >= this.width || b >= this.height) continue;
      if (pixels[b * this.width + a] !== old) continue;
      pixels[b * this.width + a] = paint;
      open.push([a - 1, b], [a + 1, b], [a, b - 1], [a, b + 1]);
    }
    this.context.putImageData(image, 0, 0);
  }

  /** Keeps the drawing as it is, for undo. */
  keep() {
    const image = this.context.getImageData(0, 0, this.width, this.height);
    this.undos = [...this.undos, image].slice(-UNDOS);
    $("undo").disabled = false;
    $("paper-hint").hidden = true;
  }

  undo() {
    const image = this.undos.pop();
    if (image) this.context.putImageData(image, 0, 0);
    $("undo").disabled = !this.undos.length;
  }

  clear() {
    this.context.fillStyle = this.palette[0];
    this.context.fillRect(0, 0, this.width, this.height);
  }

  /** Replaces the drawing by a picture of the model's size. */
  load(image) {
    this.keep();
    this.context.putImageData(image, 0, 0);
  }

  png() {
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
  }
}
