// The slider of a score: what a threshold keeps, and the expression for the config.

import { ask, Refused } from "./ask.js";

const $ = (id) => document.getElementById(id);
const STEPS = 1000;
const count = (number) => number.toLocaleString("en");

/** A string as TOML. */
const toml = (text) => JSON.stringify(text);

/** The card with the slider. Events: `mark` (function or null). */
export class Keep extends EventTarget {
  /** `show(query)` shows clips on the wall. */
  constructor(info, wall, show) {
    super();
    this.info = info;
    this.wall = wall;
    this.show = show;
    for (const name of info.scores) $("keep-score").append(new Option(name, name));
    $("keep-expression").value = info.keep;
    $("keep-score").onchange = () => this.load(null);
    $("keep-side").onchange = () => this.load($("keep-side").value);
    $("keep-slider").oninput = () => this.move();
    $("keep-expression").onchange = () => this.load($("keep-side").value);
    $("keep-reset").onclick = () => {
      $("keep-expression").value = info.keep;
      this.load(null);
    };
    $("keep-copy").onclick = () => this.copy();
    $("keep-border").onclick = () => this.border();
    $("keep-drops").onclick = () => this.drops();
    matchMedia("(prefers-color-scheme: dark)").onchange = () => this.bars();
  }

  /** The expression as it is on the page. */
  get expression() {
    return $("keep-expression").value.trim().replace(/\s+/g, " ");
  }

  /** Asks what the thresholds of the score keep. */
  async load(side) {
    const score = $("keep-score").value;
    const query = new URLSearchParams({ expression: this.expression, score });
    if (side) query.set("side", side);
    let problem = null;
    try {
      this.view = await ask(`/api/keep?${query}`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem = error.message;
    }
    $("keep-expression").setAttribute("aria-invalid", problem !== null);
    $("keep-error").hidden = problem === null;
    $("keep-error").textContent = problem ?? "";
    if (problem !== null) return;
    this.score = this.info.scores.indexOf(score);
    // below[k] clips have a score below k / STEPS.
    this.below = [0];
    for (const step of this.view.steps) this.below.push(this.below.at(-1) + step);
    $("keep-side").value = this.view.side;
    $("keep-slider").max = this.atLeast ? STEPS : STEPS + 1;
    const open = this.atLeast ? 0 : STEPS + 1;
    $("keep-slider").value = this.view.value === null ? open : Math.round(this.view.value * STEPS);
    this.say();
  }

  get atLeast() {
    return this.view.side === "least";
  }

  get step() {
    return Number($("keep-slider").value);
  }

  /** Whether the slider is where it keeps everything. */
  get isOpen() {
    return this.atLeast ? this.step === 0 : this.step > STEPS;
  }

  /** The part of the expression that the slider changes; null if it keeps everything. */
  get part() {
    if (this.isOpen) return null;
    const sign = this.atLeast ? ">=" : "<";
    return `${this.info.scores[this.score]} ${sign} ${this.step / STEPS}`;
  }

  /** Writes the expression that the slider gives, and shows what it keeps. */
  move() {
    if (!this.view) return;
    const others = this.view.others.map((one) => (/\bor\b/i.test(one) ? `(${one})` : one));
    $("keep-expression").value = [...others, this.part].filter(Boolean).join(" and ");
    this.say();
  }

  say() {
    const { pass, clips } = this.view;
    const below = this.below[Math.min(this.step, STEPS + 1)];
    const kept = this.atLeast ? pass - below : below;
    const share = clips ? ((100 * kept) / clips).toFixed(1) : "0";
    const words = document.createElement("b");
    words.textContent = count(kept);
    const rest = ` of ${count(clips)} clips (${share} %) are kept. ` +
      `This threshold alone drops ${count(pass - kept)}.`;
    $("keep-says").replaceChildren(words, rest);
    this.bars();
    const { score, step, atLeast, isOpen } = this;
    // A clip without a quality is kept.
    const goes = ({ scores }) =>
      scores[score] !== null && (scores[score] >= step / STEPS) !== atLeast;
    this.dispatchEvent(new CustomEvent("mark", { detail: isOpen ? null : goes }));
  }

  /** Draws how many clips have each score. */
  bars() {
    if (!this.view) return;
    const canvas = $("keep-bars");
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    const style = getComputedStyle(document.documentElement);
    const [strong, weak] = ["--s0", "--line"].map((name) => style.getPropertyValue(name));
    const bins = 100;
    const size = STEPS / bins;
    const sum = (bin) => this.below[Math.min(STEPS + 1, (bin + 1) * size)] - this.below[bin * size];
    const sums = Array.from({ length: bins }, (_, bin) => sum(bin));
    // Small counts matter, so heights are square roots.
    const highest = Math.sqrt(Math.max(1, ...sums));
    context.clearRect(0, 0, width, height);
    sums.forEach((number, bin) => {
      const middle = (bin + 0.5) * size;
      const kept = this.isOpen || middle >= this.step === this.atLeast;
      context.fillStyle = kept ? strong : weak;
      const tall = number ? Math.max(2, (Math.sqrt(number) / highest) * height) : 0;
      context.fillRect((bin * width) / bins, height - tall, width / bins - 1, tall);
    });
  }

  /** Shows the clips on both sides of the threshold. */
  async border() {
    const name = this.info.scores[this.score];
    const where = this.view.others.map((one) => `(${one})`).join(" and ");
    if (!(await this.show({ where, sort: name, descending: false }))) return;
    this.wall.scrollTo(await this.wall.seek(this.score, this.step / STEPS));
  }

  /** Shows the clips that only this threshold drops. */
  async drops() {
    const { part } = this;
    const others = this.view.others.map((one) => `(${one})`);
    const where = [...others, part ? `not (${part})` : "false"].join(" and ");
    await this.show({ where, sort: this.info.scores[this.score], descending: this.atLeast });
  }

  async copy() {
    const line = `keep = ${toml(this.expression)}`;
    try {
      await navigator.clipboard.writeText(line);
      $("keep-copy").textContent = "Copied";
      setTimeout(() => ($("keep-copy").textContent = "Copy for the config"), 2000);
    } catch {
      $("keep-error").hidden = false;
      $("keep-error").textContent = `The browser does not allow copying. The line is: ${line}`;
    }
  }
}
