// The WebSocket of a session, and the binary messages that contain frames.

import { ask } from "./ask.js";

/** The pixels of an RGB picture as the canvas wants them, with an opaque fourth channel. */
function withAlpha(rgb, width, height) {
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let from = 0, to = 0; to < rgba.length; from += 3, to += 4) {
    rgba[to] = rgb[from];
    rgba[to + 1] = rgb[from + 1];
    rgba[to + 2] = rgb[from + 2];
    rgba[to + 3] = 255;
  }
  return new ImageData(rgba, width, height);
}

/** Splits a binary message into its header, the frame, and the recording's frame or null. */
export function parseFrame(buffer, width, height) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const size = width * height * 3;
  const picture = withAlpha(new Uint8Array(buffer, 4 + length, size), width, height);
  const recording = header.recording
    ? withAlpha(new Uint8Array(buffer, 4 + length + size, size), width, height)
    : null;
  return { header, picture, recording };
}

const PING_EVERY = 5000;
const SILENT_AFTER = 15000;
const LONGEST_DELAY = 10;

/** The WebSocket of a session. It connects again after a loss, with growing delays. */
export class Link {
  /** `on` has the functions open, text, frame, lost(seconds), gone and ping. */
  constructor(id, on) {
    this.path = `/api/sessions/${id}`;
    this.on = on;
    this.delay = 0.5;
    this.closed = false;
    this.early = []; // messages that wait for the first connection
    this.timer = setInterval(() => this.watch(), PING_EVERY);
    this.open();
  }

  get connected() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}/socket`);
    this.socket = socket;
    this.heard = performance.now();
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.delay = 0.5;
      this.on.open();
      const { early } = this;
      this.early = null;
      for (const message of early ?? []) this.send(message);
    };
    socket.onmessage = ({ data }) => {
      if (this.closed || socket !== this.socket) return;
      this.heard = performance.now();
      if (typeof data === "string") this.on.text(JSON.parse(data));
      else this.on.frame(data);
    };
    socket.onclose = () => {
      if (socket === this.socket) this.lose();
    };
  }

  /** Says that the connection is lost, and tries again later. */
  lose() {
    this.socket = null;
    this.early = null;
    if (this.closed) return;
    const delay = this.delay;
    this.delay = Math.min(LONGEST_DELAY, delay * 2);
    this.on.lost(delay);
    this.retry = setTimeout(() => this.again(), delay * 1000);
  }

  /** Connects again, unless the server no longer knows the session. */
  async again() {
    try {
      await ask(this.path);
    } catch (error) {
      if (this.closed) return;
      if (error.status === 404) this.on.gone();
      else this.lose();
      return;
    }
    if (!this.closed) this.open();
  }

  /** Pings, and closes a connection that has been silent for too long. */
  watch() {
    if (!this.connected) return;
    if (performance.now() - this.heard > SILENT_AFTER) {
      const dead = this.socket;
      this.lose();
      dead.close();
    } else this.on.ping();
  }

  /** Sends a message. After a lost connection it is not sent, because it is out of date then. */
  send(message) {
    if (this.early && !this.connected) return this.early.push(message) > 0;
    if (!this.connected) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  close() {
    this.closed = true;
    clearInterval(this.timer);
    clearTimeout(this.retry);
    this.socket?.close();
  }
}
