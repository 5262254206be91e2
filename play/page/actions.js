// The list of actions: name, arrow, key, touch button, and which one is active.

import { $, arrow, colourOf, keyName, make } from "./ui.js";

/** The list of actions. It shows what is active, presses actions, and changes their keys. */
export class ActionList {
  constructor(world, bindings, held) {
    this.world = world;
    this.bindings = bindings;
    this.held = held;
    this.waiting = null; // the code of the action that waits for a key
    this.rows = new Map();
    const rows = world.actions.map((action) => this.row(action));
    $("actions").replaceChildren(...rows);
    $("keys-reset").onclick = () => {
      bindings.reset();
      this.showKeys();
    };
    this.showKeys();
    if (!world.report) {
      $("actions-note").textContent =
        "The actions have no names yet: genie-evaluate measures what each of them does.";
    }
  }

  row(action) {
    const { code, name } = action;
    const press = make("button", { id: `action-${code}`, type: "button", className: "act" });
    const words = make("span", { className: "names" }, make("span", { textContent: name }));
    press.append(arrow(action), words, make("small", { textContent: code }));
    press.title = `Hold to take this action (code ${code})`;
    const key = make("button", { id: `key-${code}`, type: "button", className: "key" });
    key.onclick = () => this.wait(code);
    const row = make("div", { className: "action" }, press, key);
    row.style.setProperty("--mine", colourOf(code));
    this.listen(press, code);
    this.rows.set(code, { row, press, key });
    return row;
  }

  /** Pointers and keys hold the button down. Assistive software clicks: that is a short press. */
  listen(button, code) {
    button.onpointerdown = (event) => {
      if (event.button !== 0) return;
      // A finger that slides off the button lets go.
      const { pointerId } = event;
      if (button.hasPointerCapture(pointerId)) button.releasePointerCapture(pointerId);
      this.held.press(`pointer ${pointerId}`, code);
    };
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      button.addEventListener(end, (event) => this.held.release(`pointer ${event.pointerId}`));
    }
    button.oncontextmenu = (event) => event.preventDefault();
    const keys = ["Enter", " "];
    button.onkeydown = (event) => {
      if (!keys.includes(event.key)) return;
      event.preventDefault();
      if (!event.repeat) this.held.press(`button ${code}`, code);
    };
    const up = () => this.held.release(`button ${code}`);
    button.onkeyup = (event) => {
      if (!keys.includes(event.key)) return;
      event.preventDefault();
      up();
    };
    button.onblur = up;
    button.onclick = (event) => {
      if (event.detail > 0) return;
      this.held.press(`button ${code}`, code);
      setTimeout(up, 300);
    };
  }

  /** Waits for the key of an action. */
  wait(code) {
    this.waiting = code;
    this.showKeys();
  }

  /** The function that takes the next key, or null. */
  get capture() {
    if (this.waiting === null) return null;
    return (key) => {
      const code = this.waiting;
      this.waiting = null;
      const kept = key === "Escape" || key === "Tab";
      const refused = kept ? null : this.bindings.bind(code, key);
      this.showKeys();
      $("actions-note").textContent = refused ?? "";
    };
  }

  showKeys() {
    for (const [code, { row, key }] of this.rows) {
      const waits = this.waiting === code;
      const bound = this.bindings.keyOf(code);
      const { name } = this.world.actions.find((action) => action.code === code);
      key.textContent = waits ? "press a key" : bound ? keyName(bound) : "–";
      key.title = waits ? "Esc keeps the old key" : "Click to change the key";
      key.setAttribute("aria-label", waits
        ? `Press the new key for ${name}`
        : `Key of ${name}: ${bound ? keyName(bound) : "none"}. Change it`);
      row.classList.toggle("waiting", waits);
    }
    $("keys-reset").hidden = !this.bindings.changed;
    const rows = this.world.actions.map(({ code, name }) => {
      const names = this.bindings.keysOf(code).map(keyName);
      const keys = names.map((textContent) => make("kbd", { textContent }));
      const cell = make("th", {});
      keys.forEach((one, number) => cell.append(number ? " " : "", one));
      return keys.length ? make("tr", {}, cell, make("td", { textContent: name })) : "";
    });
    $("help-actions").replaceChildren(...rows.filter(Boolean));
  }

  /** Who chose the active action. */
  who(game) {
    if (this.held.action !== null) return "You hold";
    if (!game?.session.playing) return "Made with";
    return game.session.autopilot ? "Autopilot" : "No key";
  }

  /** Marks the active action: what is held, or else what made the frame. */
  show(game, header) {
    const holds = this.held.action;
    const code = holds ?? header?.action ?? null;
    const who = this.who(game);
    for (const [one, { row }] of this.rows) row.classList.toggle("active", one === code);
    const state = `${code} ${who}`;
    if (this.shown === state) return;
    this.shown = state;
    const action = this.world.actions.find((one) => one.code === code);
    $("now-name").textContent = action ? action.name : "given";
    $("now-who").textContent = action ? who : "This frame is";
    $("now-arrow").replaceChildren(arrow(action));
    $("now").style.setProperty("--mine", code === null ? "var(--soft)" : colourOf(code));
  }
}
