// The pictures: the generated frame, the recording beside it, their sizes, and the warning.

import { $, sizeCanvas, wholeScale } from "./ui.js";

const GAP = 24;
const LIST = 270;

/** The generated world and the recording on their canvases. */
export class View {
  constructor(world) {
    this.world = world;
    this.screen = $("screen").getContext("2d");
    this.recording = $("recording").getContext("2d");
    this.doubting = false;
    new ResizeObserver(() => this.layout()).observe($("stage"));
    addEventListener("resize", () => this.layout());
  }

  follow(game) {
    this.game = game;
    this.frame = null;
    for (const context of [this.screen, this.recording]) {
      context.clearRect(0, 0, this.world.width, this.world.height);
    }
    this.warn(null);
    this.session();
    this.layout();
  }

  /** Shows what depends on the session's state. */
  session() {
    const { session, ready } = this.game;
    $("ready").hidden = !ready || session.playing;
    const touch = matchMedia("(pointer: coarse)").matches;
    $("ready").textContent = touch ? "Hold an action to begin" : "Press a key to begin";
    const beside = session.has_recording;
    if ($("recording-figure").hidden === beside) {
      $("recording-figure").hidden = !beside;
      $("stage").classList.toggle("beside", beside);
      this.layout();
    }
  }

  show(frame) {
    this.frame = frame;
    this.screen.putImageData(frame.picture, 0, 0);
    if (frame.recording) this.recording.putImageData(frame.recording, 0, 0);
    const { header } = frame;
    const { session } = this.game;
    $("recording-figure").classList.toggle("past", !frame.recording);
    const note = frame.recording ? "" : header.frame >= session.recording_frames ? "has ended" : "";
    if ($("recording-note").textContent !== note) $("recording-note").textContent = note;
    $("frame-number").textContent = `frame ${header.frame}`;
    this.warn(header.doubt);
  }

  /** Warns when the doubt is above its limit. Without a limit nothing is ever shown. */
  warn(doubt) {
    const limit = this.world.trust?.warn_above;
    this.doubting = limit != null && doubt != null && doubt > limit;
    $("screen-figure").classList.toggle("doubt", this.doubting);
    $("doubt").hidden = !this.doubting;
  }

  /** Scales the canvases by whole numbers to the room that the window has. */
  layout() {
    const { width, height } = this.world;
    const room = $("stage").clientWidth;
    if (!room) return;
    const beside = !$("recording-figure").hidden;
    const tall = Math.max(260, innerHeight - 330);
    let large;
    let small;
    if (room >= 900) {
      const rest = room - LIST - GAP * (beside ? 2 : 1);
      large = wholeScale(width, height, beside ? rest * 0.58 : rest, tall);
      const left = rest - large * width;
      small = Math.min(large, wholeScale(width, height, left, tall));
    } else if (room >= 600) {
      large = wholeScale(width, height, room - LIST - GAP, tall);
      small = wholeScale(width, height, LIST, tall * 0.28);
    } else {
      large = wholeScale(width, height, room, Math.max(220, innerHeight * 0.5));
      small = wholeScale(width, height, room * 0.36, 110);
    }
    this.resize($("screen"), large);
    this.resize($("recording"), small);
  }

  resize(canvas, scale) {
    const { width, height } = this.world;
    const cleared = canvas.width !== width || canvas.height !== height;
    sizeCanvas(canvas, width, height, scale);
    if (cleared && this.frame) this.show(this.frame);
  }
}
