// Inside the model: tokens, order of unmasking, entropy, context frames, sampler settings.

import { $, make, sizeCanvas, throttle, wholeScale } from "./ui.js";

const ORDERS = {
  random: "Tokens are set in random order.",
  confidence: "Tokens that the model is sure of are set first, with some noise.",
  greedy: "The most probable tokens are set first, without noise.",
  entropy: "Tokens with low entropy are set first, as many at once as the bound allows.",
  tapered: "The most probable tokens are set first, and the last ones one by one.",
};

/** The colours of heat maps from low to high. */
const HEAT = [[26, 20, 60], [84, 30, 120], [170, 50, 110], [236, 104, 72], [252, 220, 130]];

function heat(share) {
  const at = Math.max(0, Math.min(1, share)) * (HEAT.length - 1);
  const low = HEAT[Math.floor(at)];
  const high = HEAT[Math.ceil(at)];
  return low.map((value, channel) => value + (high[channel] - value) * (at % 1));
}

const rgb = (channels, alpha = 1) => `rgb(${channels.map(Math.round).join(" ")} / ${alpha})`;
const tokenColour = (token) =>
  `hsl(${(token * 137.508) % 360} ${45 + (token % 3) * 15}% ${40 + (token % 5) * 8}%)`;

/** The panel of inspection. */
export class Inspector {
  constructor(world) {
    this.world = world;
    this.maps = ["tokens", "order", "entropy"].map((name) => $(`map-${name}`));
    $("inspect").onclick = () => this.toggle();
    $("inspect-close").onclick = () => this.toggle();
    for (const canvas of this.maps) {
      canvas.onpointermove = (event) => this.explain(canvas, event);
      canvas.onpointerleave = () => this.explain(null);
    }
    for (const order of world.orders) {
      $("sampler-order").append(make("option", { value: order, textContent: order }));
    }
    const send = throttle(150, () => this.game.send({ type: "sampler", ...this.sampler }));
    for (const name of ["steps", "temperature", "order", "entropy"]) {
      $(`sampler-${name}`).oninput = ({ target }) => {
        this.sampler[name] = name === "order" ? target.value : Number(target.value);
        this.showSampler();
        send();
      };
    }
    new ResizeObserver(() => this.frame(this.shown)).observe($("inspect-panel"));
  }

  follow(game) {
    this.game = game;
    this.session();
  }

  toggle() {
    const on = !this.game.session.inspect;
    this.game.send({ type: "inspect", on });
    const inside = $("inspect-panel").contains(document.activeElement);
    if (!on && inside) $("screen").focus({ preventScroll: true });
    return true;
  }

  /** Shows what depends on the session's state. */
  session() {
    const { session } = this.game;
    const opens = session.inspect && $("inspect-panel").hidden;
    $("inspect-panel").hidden = !session.inspect;
    $("inspect").setAttribute("aria-expanded", session.inspect);
    const used = document.activeElement?.id?.startsWith("sampler-");
    if (!used || !this.sampler) this.sampler = { ...session.sampler };
    this.showSampler();
    if (opens) this.frame(this.shown);
  }

  showSampler() {
    for (const [name, value] of Object.entries(this.sampler)) {
      const control = $(`sampler-${name}`);
      if (!control) continue;
      if (document.activeElement !== control) control.value = value;
      const output = $(`sampler-${name}-value`);
      if (output) output.textContent = Number(Number(value).toFixed(2));
    }
    $("sampler-order-note").textContent = ORDERS[this.sampler.order] ?? "";
    $("sampler-entropy").disabled = this.sampler.order !== "entropy";
  }

  /** Draws the maps of a frame. */
  frame(frame) {
    this.shown = frame;
    if ($("inspect-panel").hidden || !frame) return;
    const data = frame.header.inspect;
    this.data = data ?? null;
    for (const canvas of this.maps) canvas.classList.toggle("past", !data);
    if (!data) {
      $("map-value").textContent = "Nothing is recorded for this frame. The next frame has it.";
      return;
    }
    const given = !data.order.length; // the prompt's tokens are encoded, not generated
    if (!this.pointed) $("map-value").textContent = this.summary(data);
    const lastStep = Math.max(1, ...data.order);
    const mostEntropy = Math.max(1e-6, Math.log(16), ...data.entropy);
    const draw = (name, colour) => this.draw($(`map-${name}`), frame.picture, data, colour);
    draw("tokens", (place) => tokenColour(data.tokens[place]));
    draw("order", (place) => {
      const share = (data.order[place] - 1) / Math.max(1, lastStep - 1);
      return given ? "transparent" : rgb(heat(share));
    });
    draw("entropy", (place) => {
      const share = (data.entropy[place] ?? 0) / mostEntropy;
      return rgb(heat(0.35 + 0.65 * share), Math.min(0.85, share * 1.4));
    });
    this.showContext(data.context);
  }

  /** Draws a map at the frame's size: each token is a rectangle. */
  draw(canvas, picture, { rows, columns }, colour) {
    const { width, height } = this.world;
    const room = canvas.parentElement.clientWidth;
    sizeCanvas(canvas, width, height, wholeScale(width, height, Math.min(room, 256), 256));
    const context = canvas.getContext("2d");
    context.putImageData(picture, 0, 0);
    for (let place = 0; place < rows * columns; place += 1) {
      const [x, y] = [place % columns, Math.floor(place / columns)];
      const [left, top] = [Math.floor((x * width) / columns), Math.floor((y * height) / rows)];
      const right = Math.floor(((x + 1) * width) / columns);
      const bottom = Math.floor(((y + 1) * height) / rows);
      context.fillStyle = colour(place);
      context.fillRect(left, top, right - left, bottom - top);
    }
  }

  summary({ tokens, entropy, order }) {
    if (!order.length) return `${tokens.length} tokens of a given frame`;
    const mean = entropy.reduce((sum, value) => sum + value, 0) / Math.max(1, entropy.length);
    const steps = Math.max(...order);
    return `${tokens.length} tokens in ${steps} steps, mean entropy ${mean.toFixed(2)} nats`;
  }

  /** Says what the token under the pointer is. */
  explain(canvas, event) {
    this.pointed = canvas !== null;
    const { data } = this;
    if (!data) return;
    if (!canvas) {
      $("map-value").textContent = this.summary(data);
      return;
    }
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * data.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * data.rows);
    const place = row * data.columns + column;
    if (!(place in data.tokens)) return;
    const made = data.order.length
      ? `, set in step ${data.order[place]}, entropy ${data.entropy[place].toFixed(2)} nats`
      : "";
    $("map-value").textContent =
      `row ${row}, column ${column}: token ${data.tokens[place]}${made}`;
  }

  showContext(nodes) {
    const shown = nodes.join();
    if (this.context === shown) return;
    this.context = shown;
    const { width, height } = this.world;
    // Frames that the page has kept are drawn; all others are loaded.
    const pictures = nodes.map((node) => {
      const kept = this.game.frames.get(node);
      const src = this.game.pictureOf(node);
      if (!kept) return make("img", { className: "pixels", alt: "", src });
      const canvas = make("canvas", { width, height });
      canvas.getContext("2d").putImageData(kept.picture, 0, 0);
      return canvas;
    });
    $("context").replaceChildren(...pictures);
  }
}
