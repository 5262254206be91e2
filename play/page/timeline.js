// Time: play and pause, single steps, the slider over the path, branches, speed, saving.

import { saveFrom } from "./save.js";
import { $, colourOf, make, throttle } from "./ui.js";

const BRANCHES = 24;

/** The controls of time. */
export class Timeline {
  constructor(world, held) {
    this.world = world;
    this.held = held;
    $("play").onclick = () => this.toggle();
    $("step").onclick = () => this.step();
    $("reset").onclick = () => this.game.reset();
    $("back").onclick = () => this.move(-1);
    $("forward").onclick = () => this.move(1);
    $("timeline").oninput = (event) => this.game.seekPlace(Number(event.target.value));
    $("rate").max = Math.max(30, Math.round(world.fps * 2));
    const sendRate = throttle(150, (fps) => this.game.send({ type: "rate", fps }));
    $("rate").oninput = ({ target }) => {
      $("rate-value").textContent = `${target.value} fps`;
      sendRate(Number(target.value));
    };
    $("autopilot").onclick = () => this.autopilot();
    new ResizeObserver(() => this.game && this.drawTrail()).observe($("trail"));
  }

  follow(game) {
    this.game = game;
    this.branches = null;
    saveFrom(game);
    this.session();
  }

  toggle() {
    if (this.game.session.playing) this.game.pause();
    else this.game.play();
  }

  step() {
    this.game.step(this.held.action);
  }

  move(by) {
    this.game.seekPlace(this.game.current + by);
  }

  /** Turns the recording's actions on or off. A game that has not begun begins. */
  autopilot() {
    const { game } = this;
    if (!game.session.has_recording) return false;
    const on = !game.session.autopilot;
    game.send({ type: "autopilot", on });
    if (on && game.ready) game.play();
    return true;
  }

  /** Shows what depends on the session's state. */
  session() {
    const { session } = this.game;
    document.body.classList.toggle("playing", session.playing);
    $("play-label").textContent = session.playing ? "Pause" : "Play";
    if (document.activeElement !== $("rate")) $("rate").value = session.rate;
    $("rate-value").textContent = `${Number(session.rate.toFixed(1))} fps`;
    $("autopilot").disabled = !session.has_recording;
    $("autopilot").title = session.has_recording
      ? "Take the actions of the recording; any action key takes over"
      : "Only a game that starts from a recording has one";
    $("autopilot").setAttribute("aria-pressed", session.autopilot);
    this.showBranches(session.branches);
    this.show();
  }

  /** Shows the place in time. Called for every frame. */
  show() {
    const { game } = this;
    const { offset } = game.session;
    const last = game.path.length - 1;
    const slider = $("timeline");
    slider.max = last;
    slider.value = game.current;
    slider.disabled = last < 1;
    $("back").disabled = game.current < 1;
    $("forward").disabled = game.current >= last;
    $("position").textContent = `${game.current + offset} / ${last + offset}`;
    slider.setAttribute("aria-valuetext", `frame ${game.current + offset} of ${last + offset}`);
    const note = this.note(last);
    if ($("time-note").textContent !== note) $("time-note").textContent = note;
    this.drawTrail();
  }

  note(last) {
    const { game } = this;
    if (game.ready) return "Press an action key, Play, or Autopilot to begin.";
    if (game.session.playing) return "";
    if (game.current < last) return "You are in the past. Play on from here, and a branch begins.";
    return "Paused. Each key press makes one frame.";
  }

  /** Draws the path as a band: the colours of the actions, paler after the shown frame. */
  drawTrail() {
    const canvas = $("trail");
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (!width) return;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const { path, session, current } = this.game;
    const each = width / path.length;
    const given = getComputedStyle(canvas).getPropertyValue("--soft");
    path.forEach(({ action }, place) => {
      context.globalAlpha = place <= current ? 1 : 0.3;
      context.fillStyle = action === null ? given : colourOf(action);
      const left = Math.floor(place * each);
      context.fillRect(left, 0, Math.ceil((place + 1) * each) - left, height);
    });
    context.globalAlpha = 1;
    context.fillStyle = getComputedStyle(canvas).getPropertyValue("--ink");
    for (const { from } of session.branches) {
      const left = Math.round((from - session.offset + 1) * each);
      context.fillRect(left - ratio, 0, 2 * ratio, height);
    }
  }

  showBranches(branches) {
    const shown = JSON.stringify(branches);
    if (this.branches === shown) return;
    this.branches = shown;
    const place = $("branches");
    place.hidden = !branches.length;
    const newest = [...branches].sort((a, b) => b.tip - a.tip).slice(0, BRANCHES);
    const buttons = newest.map(({ tip, from, frame }) => {
      const image = make("img", { src: this.game.pictureOf(tip), alt: "", className: "pixels" });
      const words = make("span", {}, `${from} → ${frame}`);
      const title = `Branch that leaves after frame ${from} and ends at frame ${frame}`;
      const onclick = () => this.game.seek(tip);
      const button = { type: "button", id: `branch-${tip}`, title, onclick };
      return make("button", button, image, words);
    });
    const title = make("span", { className: "soft", textContent: "Other branches" });
    place.replaceChildren(title, ...buttons);
  }
}
