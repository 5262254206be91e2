// Which key takes which action, and what the player holds: keyboard, gamepad, touch.

import { keyName } from "./ui.js";

/** Keys that stand for another key, unless they are bound themselves. */
const ALIASES = {
  KeyW: "ArrowUp", KeyA: "ArrowLeft", KeyS: "ArrowDown", KeyD: "ArrowRight", Space: "ArrowUp",
};

/** Keys that cannot be bound: commands, digits, and keys that the browser needs. */
const RESERVED = new RegExp(
  "^(Key[PRFTI]|Digit\\d|Numpad\\d|Period|Bracket(Left|Right)|Escape|Tab|Enter|F\\d+" +
    "|(Meta|Control|Alt|Shift).*)$",
);

/** The keys of the actions. The player's changes are kept in the browser, for each LAM. */
export class Bindings {
  constructor(world) {
    this.actions = world.actions;
    this.place = `genie-play.keys.${world.models.lam}`;
    try {
      this.own = JSON.parse(localStorage.getItem(this.place)) ?? {};
    } catch {
      this.own = {};
    }
  }

  /** The key of an action, or null. A key that the player gave to one action leaves the others. */
  keyOf(code) {
    if (code in this.own) return this.own[code];
    const key = this.actions.find((action) => action.code === code)?.key ?? null;
    return Object.values(this.own).includes(key) ? null : key;
  }

  /** The action of a key: its own, that of the key it stands for, or a digit's code; or null. */
  actionOf(key) {
    const bound = (wanted) => this.actions.find(({ code }) => this.keyOf(code) === wanted)?.code;
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(key);
    if (digit) return this.actions.find(({ code }) => code === Number(digit[1]))?.code ?? null;
    return bound(key) ?? bound(ALIASES[key] ?? "none") ?? null;
  }

  /** All keys of an action, with those that stand for its key. */
  keysOf(code) {
    const key = this.keyOf(code);
    const others = Object.keys(ALIASES).filter((other) => this.actionOf(other) === code);
    return key === null ? [] : [key, ...others.filter((other) => other !== key)];
  }

  /** Binds a key to an action. Returns why not, or null. */
  bind(code, key) {
    if (RESERVED.test(key)) return `The key ${keyName(key)} has another use. Choose another key.`;
    for (const { code: other } of this.actions) {
      if (other !== code && this.own[other] === key) delete this.own[other];
    }
    this.own[code] = key;
    this.keep();
    return null;
  }

  get changed() {
    return Object.keys(this.own).length > 0;
  }

  reset() {
    this.own = {};
    this.keep();
  }

  keep() {
    try {
      localStorage.setItem(this.place, JSON.stringify(this.own));
    } catch {
      // Without storage the keys last until the page is closed.
    }
  }
}

/**
 * What the player holds down, the latest last.
 *
 * The latest action wins. When it is released, the one before it counts again. While the game is
 * paused, a press makes one frame.
 */
export class Held {
  constructor(changed) {
    this.changed = changed;
    this.pressed = []; // { source, action }
    this.game = null;
    this.sent = null;
  }

  /** Follows another game, or none. */
  follow(game) {
    this.pressed = [];
    this.game = game;
    this.sent = game?.session.action ?? null;
    game?.addEventListener("session", () => this.sync());
    game?.addEventListener("link", () => {
      this.sent = undefined;
    });
    this.changed();
  }

  get action() {
    return this.pressed.at(-1)?.action ?? null;
  }

  press(source, action) {
    if (!this.game || this.pressed.some((one) => one.source === source)) return;
    this.pressed.push({ source, action });
    if (this.game.ready) {
      this.sync(true);
      this.game.play();
    } else if (this.game.session.playing) this.sync();
    else this.game.step(action);
    this.changed();
  }

  release(source) {
    const left = this.pressed.filter((one) => one.source !== source);
    if (left.length === this.pressed.length) return;
    this.pressed = left;
    this.sync();
    this.changed();
  }

  releaseAll() {
    if (!this.pressed.length) return;
    this.pressed = [];
    this.sync();
    this.changed();
  }

  /** Tells the server what is held, if it does not know. A paused game is only told to let go. */
  sync(soon = false) {
    const { action, game } = this;
    if (!game || action === this.sent) return;
    if (!soon && !game.session.playing && action !== null) return;
    if (this.sent === undefined && action === null && game.session.action === null) {
      this.sent = null;
      return;
    }
    this.sent = action;
    game.hold(action);
  }
}
