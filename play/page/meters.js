// Frame rate, latency, the model's time, lost frames, and a small graph of them.

import { $ } from "./ui.js";

const SECONDS = 2;
const BARS = 60;
const LATENCIES = 20;

const middle = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

/** The meters under the game. They change twice a second. */
export class Meters {
  constructor() {
    this.follow(null);
    setInterval(() => this.show(), 500);
  }

  follow(game) {
    this.game = game;
    this.times = []; // when played frames came
    this.gaps = []; // { gap, ms } of the last frames
    this.latencies = [];
    game?.addEventListener("latency", ({ detail }) => {
      this.latencies = [...this.latencies, detail].slice(-LATENCIES);
    });
    this.drawn = null;
    this.show();
  }

  /** Counts a frame that came while the game was playing. */
  frame(header) {
    const now = performance.now();
    const gap = now - (this.times.at(-1) ?? now);
    this.times.push(now);
    if (header.ms != null) {
      this.ms = header.ms;
      // The time of a pause is no gap between frames.
      if (gap < 1500) this.gaps = [...this.gaps, { gap, ms: header.ms }].slice(-BARS);
    }
  }

  show() {
    const now = performance.now();
    this.times = this.times.filter((time) => now - time < SECONDS * 1000);
    const rate = this.times.length / SECONDS;
    $("fps").textContent = this.times.length > 1 ? rate.toFixed(1) : "–";
    $("latency").textContent = this.latencies.length ? Math.round(middle(this.latencies)) : "–";
    $("model-ms").textContent = this.gaps.length
      ? Math.round(middle(this.gaps.map(({ ms }) => ms)))
      : "–";
    $("dropped").textContent = this.game?.dropped ?? 0;
    this.draw();
  }

  /** A bar for each of the last frames: the time since the frame before, and the model's part. */
  draw() {
    const last = this.gaps.at(-1);
    if (this.drawn === last) return;
    this.drawn = last;
    const canvas = $("graph");
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const most = Math.max(200, ...this.gaps.map(({ gap }) => gap));
    const width = canvas.width / BARS;
    const bar = (place, value, colour) => {
      const height = Math.max(1, (value / most) * canvas.height);
      context.fillStyle = colour;
      context.fillRect(place * width, canvas.height - height, Math.max(1, width - ratio), height);
    };
    this.gaps.forEach(({ gap, ms }, place) => {
      bar(place + BARS - this.gaps.length, gap, style.getPropertyValue("--line"));
      bar(place + BARS - this.gaps.length, ms, style.getPropertyValue("--s0"));
    });
  }
}
