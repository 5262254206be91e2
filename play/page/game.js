// One game: the session's state, its path through time, its frames, and the commands.

import { Link, parseFrame } from "./api.js";
import { ask } from "./ask.js";
import { throttle } from "./ui.js";

const CACHE_BYTES = 48 << 20;

/**
 * A session as the page sees it.
 *
 * Events: "session" (state changed), "frame" (another frame is shown), "link" (`detail.lost`:
 * seconds to the next try, or null), "latency" (`detail`: milliseconds), "gone", and "notice" and
 * "error" (`detail`: text).
 */
export class Game extends EventTarget {
  constructor(world, session, fresh) {
    super();
    this.world = world;
    this.id = session.id;
    this.ready = fresh; // nothing was played yet: the first key starts real time
    this.frames = new Map(); // node → frame, the oldest first
    this.most = Math.max(100, Math.floor(CACHE_BYTES / (world.width * world.height * 8)));
    this.wanted = null; // the node that the user looks for, until the server is there
    this.shown = null;
    this.dropped = 0;
    this.lastPing = 0;
    this.inputs = []; // pings sent with an input, to measure the latency
    this.sendSeek = throttle(70, (node) => this.send({ type: "seek", node }));
    this.adopt(session);
    this.link = new Link(session.id, {
      open: () => {
        this.wanted = null;
        this.tell("link", { lost: null });
      },
      lost: (lost) => this.tell("link", { lost }),
      gone: () => this.tell("gone"),
      ping: () => this.ping(false),
      text: (message) => this.onText(message),
      frame: (buffer) => this.onFrame(buffer),
    });
  }

  tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  send(message) {
    return this.link.send(message);
  }

  onText(message) {
    if (message.type === "session") this.onSession(message.session);
    else if (message.type === "notice") this.tell("notice", message.text);
    else if (message.type === "error") this.tell("error", message.error);
  }

  onSession(session) {
    this.adopt(session);
    if (session.playing) this.ready = false;
    if (this.wanted === session.node) this.wanted = null;
    this.tell("session");
    if (this.wanted === null) this.look(session.node);
  }

  /** Takes over the server's state. */
  adopt(session) {
    this.session = session;
    this.path = session.path;
    this.node = session.node;
    this.places = new Map(this.path.map(({ node }, place) => [node, place]));
  }

  onFrame(buffer) {
    const frame = parseFrame(buffer, this.world.width, this.world.height);
    const { header } = frame;
    this.frames.delete(header.node);
    this.frames.set(header.node, frame);
    if (this.frames.size > this.most) this.frames.delete(this.frames.keys().next().value);
    if (this.missed) this.missed.push(header);
    this.extend(header);
    this.answerInputs(header.input);
    if (this.wanted !== null && this.wanted !== header.node) return;
    this.wanted = null;
    this.show(header.node);
  }

  /** Adds a played frame to the path. A frame after the middle of the path starts a branch. */
  extend({ node, parent, frame, action }) {
    const before = this.place(this.node);
    this.node = node;
    if (this.places.has(node)) return;
    const from = this.places.get(parent);
    if (from === undefined) {
      const last = before + this.session.offset;
      this.dropped += Math.max(0, frame - last - 1);
      this.refresh();
      return;
    }
    for (const cut of this.path.splice(from + 1)) this.places.delete(cut.node);
    this.places.set(node, this.path.push({ node, action }) - 1);
  }

  /** Asks for the path again after frames were lost. Frames that come meanwhile are added. */
  async refresh() {
    if (this.missed) return;
    this.missed = [];
    const session = await ask(`/api/sessions/${this.id}`).catch(() => null);
    const missed = this.missed;
    this.missed = null;
    if (!session) return;
    this.adopt(session);
    for (const header of missed) this.extend(header);
    this.tell("session");
  }

  /** The place of a node in the path, 0 if it is not there. */
  place(node) {
    return this.places.get(node) ?? 0;
  }

  /** The place that the timeline shows. */
  get current() {
    return this.place(this.wanted ?? this.node);
  }

  show(node) {
    this.shown = node;
    this.tell("frame", this.frames.get(node));
  }

  /** Shows a node's frame: the kept one, the one that the server sends now, or its PNG. */
  look(node) {
    if (this.frames.has(node)) {
      if (this.shown !== node) this.show(node);
      return;
    }
    clearTimeout(this.loading);
    this.loading = setTimeout(() => this.load(node), 250);
  }

  async load(node) {
    const target = () => this.wanted ?? this.node;
    if (this.frames.has(node) || target() !== node) return;
    const image = new Image();
    image.src = this.pictureOf(node);
    await image.decode().catch(() => null);
    if (!image.naturalWidth || this.frames.has(node) || target() !== node) return;
    const { width, height } = this.world;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(image, 0, 0);
    const place = this.place(node);
    const header = { node, frame: place + this.session.offset, action: this.path[place]?.action };
    const picture = context.getImageData(0, 0, width, height);
    this.frames.set(node, { header, picture, recording: null });
    this.show(node);
  }

  pictureOf(node) {
    return `/api/sessions/${this.id}/frames/${node}.png`;
  }

  /** Sends a ping. With `input`, the first frame that knows it ends a measurement. */
  ping(input) {
    this.lastPing += 1;
    if (!this.send({ type: "ping", id: this.lastPing })) return;
    if (input) this.inputs.push({ id: this.lastPing, time: performance.now() });
  }

  answerInputs(known) {
    if (known == null || !this.inputs.length || this.inputs[0].id > known) return;
    const answered = this.inputs.filter(({ id }) => id <= known);
    this.inputs = this.inputs.filter(({ id }) => id > known);
    // The browser paints the frame at the next animation frame.
    requestAnimationFrame((now) => {
      for (const { time } of answered) this.tell("latency", Math.max(0, now - time));
    });
  }

  /** Ends the search for a node: what comes next starts where the server is after it. */
  leave() {
    this.ready = false;
    this.reason = null;
    this.sendSeek.flush();
    this.wanted = null;
  }

  play() {
    this.leave();
    this.send({ type: "play" });
  }

  /** Pauses. `reason` is shown instead of the plain state. */
  pause(reason = null) {
    this.reason = reason;
    this.inputs = [];
    if (this.session.playing) this.send({ type: "pause" });
  }

  /** Holds an action from now on; null lets go. */
  hold(action) {
    this.send({ type: "hold", action });
    // In a paused game no frame follows, so there is nothing to measure.
    this.ping(this.session.playing || this.ready);
  }

  step(action, count = 1) {
    this.leave();
    if (action !== null && this.session.autopilot) this.send({ type: "autopilot", on: false });
    this.ping(true);
    this.send({ type: "step", action, count });
  }

  reset() {
    this.leave();
    this.send({ type: "reset" });
  }

  /** Goes to a node. The picture changes at once if its frame is kept. */
  seek(node) {
    this.ready = false;
    this.pause();
    this.wanted = node;
    this.sendSeek(node);
    this.look(node);
    this.tell("session");
  }

  /** Goes to a place of the path; beyond its ends nothing happens. */
  seekPlace(place) {
    const found = this.path[place];
    if (found) this.seek(found.node);
  }

  close() {
    this.link.close();
    clearTimeout(this.loading);
  }
}
