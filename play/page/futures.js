// All futures: what each action would do from the current frame, side by side.

import { ask } from "./ask.js";
import { $, arrow, calm, colourOf, make, showError, sizeCanvas, wholeScale } from "./ui.js";

const PAUSE_FRAMES = 4; // the last frame stays this much longer before an animation starts again

// Of a card, in CSS pixels: the space between cards, inside a card, and its narrowest picture.
const GAP = 12;
const PADDING = 18;
const NARROWEST = 128;

/** The panel of futures. A click on one makes it the present. */
export class Futures {
  constructor(world) {
    this.world = world;
    this.cards = [];
    $("futures").onclick = () => this.toggle();
    $("futures-close").onclick = () => this.close();
    $("futures-strips").checked = calm();
    $("futures-strips").onchange = () => this.layout();
    $("futures-frames").oninput = () => {
      $("futures-frames-value").textContent = $("futures-frames").value;
    };
    $("futures-frames").onchange = () => this.load();
    new ResizeObserver(() => this.layout()).observe($("futures-list"));
  }

  follow(game) {
    this.close();
    this.game = game;
  }

  get open() {
    return !$("futures-panel").hidden;
  }

  toggle() {
    if (this.open) this.close();
    else {
      this.opener = document.activeElement === $("futures") ? $("futures") : $("screen");
      this.load();
    }
  }

  close() {
    clearInterval(this.timer);
    const inside = this.open && $("futures-panel").contains(document.activeElement);
    if (inside) (this.opener ?? $("screen")).focus({ preventScroll: true });
    $("futures-panel").hidden = true;
    $("futures").setAttribute("aria-expanded", "false");
    this.cards = [];
    this.from = null;
    $("futures-list").replaceChildren();
  }

  /** Pauses, asks for the futures of the current frame, and shows them. */
  async load() {
    const { game } = this;
    const frames = Number($("futures-frames").value);
    game.pause();
    game.sendSeek.flush();
    $("futures-panel").hidden = false;
    $("futures").setAttribute("aria-expanded", "true");
    $("futures-panel").scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
    $("futures-note").textContent = `Making ${this.world.actions.length} futures…`;
    const request = (this.request = {});
    try {
      const path = `/api/sessions/${game.id}/futures?frames=${frames}`;
      const answer = await ask(path, { method: "POST" });
      const images = await Promise.all(answer.futures.map(({ png }) => this.image(png)));
      if (request !== this.request || !this.open) return;
      this.from = answer.node ?? game.node;
      this.frames = answer.frames;
      this.cards = answer.futures.map(({ action }, number) => this.card(action, images[number]));
      $("futures-list").replaceChildren(...this.cards.map(({ button }) => button));
      $("futures-note").textContent =
        `Each action, held for ${answer.frames} frames. Choose one, and it happens.`;
      this.layout();
      this.cards[0]?.button.focus({ preventScroll: true });
    } catch (error) {
      if (request === this.request) showError($("futures-note"), error);
    }
  }

  async image(source) {
    const image = new Image();
    image.src = source;
    await image.decode();
    return image;
  }

  card(code, image) {
    const action = this.world.actions.find((one) => one.code === code);
    const canvas = make("canvas", {});
    const words = make("span", {}, arrow(action), action.name);
    const button = make("button", { type: "button", id: `future-${code}`, className: "future" },
      canvas, words);
    button.setAttribute("aria-label", `${action.name}, code ${code}: let this happen`);
    button.style.setProperty("--mine", colourOf(code));
    button.onclick = () => this.choose(code);
    return { canvas, button, image };
  }

  /** Plays the chosen future: the same frames, from the same frame. */
  choose(code) {
    const { game, frames, from } = this;
    if (game.node !== from) game.seek(from);
    this.close();
    game.step(code, frames);
    $("screen").focus();
  }

  /** Scales the pictures, and starts the animation or draws the strips. */
  layout() {
    clearInterval(this.timer);
    if (!this.cards.length) return;
    const { width, height, fps } = this.world;
    const strips = $("futures-strips").checked;
    const room = $("futures-list").clientWidth;
    const columns = strips ? 1 : this.columns(room);
    $("futures-list").style.gridTemplateColumns = `repeat(${columns}, max-content)`;
    const side = Math.min(180, (room + GAP) / columns - GAP - PADDING);
    for (const { canvas } of this.cards) {
      const wide = strips ? width * this.frames : width;
      const scale = wholeScale(wide, height, strips ? room - PADDING : side, strips ? 96 : 180);
      sizeCanvas(canvas, wide, height, scale);
    }
    if (strips) {
      for (const { canvas, image } of this.cards) canvas.getContext("2d").drawImage(image, 0, 0);
      return;
    }
    let time = 0;
    const draw = () => {
      const shown = Math.min(time % (this.frames + PAUSE_FRAMES), this.frames - 1);
      for (const { canvas, image } of this.cards) {
        canvas.getContext("2d").drawImage(image, -shown * width, 0);
      }
      time += 1;
    };
    draw();
    this.timer = setInterval(draw, 1000 / fps);
  }

  /** The number of columns that makes the rows equally long. */
  columns(room) {
    const most = Math.max(2, Math.floor((room + GAP) / (NARROWEST + PADDING + GAP)));
    const rows = Math.ceil(this.cards.length / most);
    return Math.ceil(this.cards.length / rows);
  }

  /** Closes when another frame is shown: the futures belong to the past then. */
  frame(node) {
    if (this.open && this.from !== null && node !== this.from) this.close();
  }
}
