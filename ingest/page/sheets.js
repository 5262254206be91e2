// Pictures of clips: where each frame is in a sheet, thumbnails that play, and the large film.

/** Most frames of a sheet, and frames in a row; `src/browse/sheets.rs` has the same numbers. */
const KINDS = { thumbnail: { most: 12, row: 12 }, whole: { most: 256, row: 16 } };

/** The frames of a clip's sheet, its columns and its rows. */
export function layout(kind, frames) {
  const { most, row } = KINDS[kind];
  const count = Math.max(1, Math.min(most, frames));
  const columns = Math.min(row, count);
  return { count, columns, rows: Math.ceil(count / columns) };
}

/** The address of a sheet. */
export const sheetOf = (id, kind) => `/sheets/${id}/${kind}.jpg`;

/** Clips that are not kept, and whose videos were decoded for their pictures. */
export const decoded = new Set();

/** The clip whose pictures show this one: itself, the clip that it is a copy of, or none. */
export const pictured = (clip) =>
  clip.kept || decoded.has(clip.id) ? clip.id : clip.original;

/** Shows a thumbnail that plays in an element. */
export function playIn(element, id, frames) {
  const { count } = layout("thumbnail", frames);
  element.style.backgroundImage = `url(${sheetOf(id, "thumbnail")})`;
  element.style.backgroundSize = `${count * 100}% 100%`;
  element.style.animationTimingFunction = count > 1 ? `steps(${count}, jump-none)` : "";
  element.classList.toggle("plays", count > 1);
}

/** A clip that plays on a canvas at its own frame rate. */
export class Film {
  constructor(canvas, slider) {
    this.canvas = canvas;
    this.slider = slider;
    this.playing = true;
    slider.oninput = () => {
      this.playing = false;
      this.frame = Number(slider.value);
      this.draw();
    };
    requestAnimationFrame((now) => this.tick(now));
  }

  /** Shows the pictures of `id`, or none. Resolves when the first one is on the canvas. */
  async show(id, { frames, fps }) {
    this.image = null;
    this.id = id;
    this.canvas.hidden = !id;
    this.slider.hidden = !id;
    if (!id) return;
    const image = new Image();
    image.src = sheetOf(id, "whole");
    await image.decode();
    if (this.id !== id) return;
    this.image = image;
    this.sheet = layout("whole", frames);
    // A sheet of a long clip has every n-th frame.
    this.rate = (Math.max(1, fps) * this.sheet.count) / Math.max(1, frames);
    this.frame = 0;
    this.playing = true;
    this.slider.max = this.sheet.count - 1;
    const { columns, rows } = this.sheet;
    this.canvas.width = image.naturalWidth / columns;
    this.canvas.height = image.naturalHeight / rows;
    this.started = performance.now();
    this.fit();
    this.draw();
  }

  /** Makes the picture as large as its room, in whole pixels if it is small. */
  fit() {
    const room = this.canvas.parentElement.clientWidth;
    const most = Math.min(room / this.canvas.width, (innerHeight * 0.6) / this.canvas.height);
    const scale = most >= 1 ? Math.floor(most) : most;
    this.canvas.style.width = `${this.canvas.width * scale}px`;
    this.canvas.style.height = `${this.canvas.height * scale}px`;
  }

  toggle() {
    this.playing = !this.playing;
    this.started = performance.now() - (this.frame / this.rate) * 1000;
  }

  tick(now) {
    requestAnimationFrame((next) => this.tick(next));
    if (!this.image || !this.playing) return;
    const frame = Math.floor(((now - this.started) / 1000) * this.rate) % this.sheet.count;
    if (frame === this.frame || frame < 0) return;
    this.frame = frame;
    this.draw();
  }

  draw() {
    const { canvas, frame, image, sheet } = this;
    if (!image) return;
    const { width, height } = canvas;
    const [column, row] = [frame % sheet.columns, Math.floor(frame / sheet.columns)];
    const from = [column * width, row * height, width, height];
    canvas.getContext("2d").drawImage(image, ...from, 0, 0, width, height);
    this.slider.value = frame;
  }
}
