// Listens to the keyboard and the gamepad, and turns them into actions and commands.

/** Whether keys belong to this element: text is typed there, or it has its own use for the key. */
function belongsTo(element, key) {
  if (!element || element === document.body) return false;
  const tag = element.tagName;
  const type = element.type;
  if (tag === "TEXTAREA" || tag === "SELECT" || element.isContentEditable) return true;
  if (tag === "INPUT" && !["range", "checkbox", "radio", "file"].includes(type)) return true;
  const arrows = /^(Arrow|Home|End|Page)/.test(key);
  if (tag === "INPUT" && (type === "range" || type === "radio") && arrows) return true;
  const presses = key === "Space" || key === "Enter";
  return presses && ["INPUT", "BUTTON", "A", "SUMMARY", "LABEL"].includes(tag);
}

/** The name of a command's key. Letters follow the keyboard's layout, if it is Latin. */
function commandOf(event) {
  if (event.key.length === 1 && event.key.charCodeAt(0) < 128) return event.key.toLowerCase();
  return event.code.startsWith("Key") ? event.code.slice(3).toLowerCase() : event.key;
}

/**
 * Listens to the keyboard.
 *
 * `commands` maps a key to a function that returns false if it does nothing now. `playing` says
 * whether a game is on the screen. `capture()` returns the function that waits for a key to bind.
 */
export function listenToKeys({ held, bindings, commands, playing, capture }) {
  addEventListener("keydown", (event) => {
    const waiting = capture();
    if (waiting) {
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat) waiting(event.code);
      return;
    }
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    if (modified && !event.getModifierState("AltGraph")) return;
    if (document.querySelector("dialog[open]")) return;
    if (belongsTo(document.activeElement, event.code)) return;
    const action = playing() ? bindings.actionOf(event.code) : null;
    if (action !== null) {
      event.preventDefault();
      if (!event.repeat) held.press(`key ${event.code}`, action);
      return;
    }
    const command = commands[commandOf(event)];
    if (command && !event.repeat && command() !== false) event.preventDefault();
  });
  addEventListener("keyup", (event) => held.release(`key ${event.code}`));
}

const DIRECTIONS = { 12: "ArrowUp", 13: "ArrowDown", 14: "ArrowLeft", 15: "ArrowRight" };
const COMMANDS = { 4: "[", 5: ".", 8: "r", 9: "p" };
const DEAD_ZONE = 0.5;

/** The keys that a gamepad's state stands for; "button 1" to "button 3" have no key. */
function keysOf(pad) {
  const keys = new Set();
  pad.buttons.forEach(({ pressed }, number) => {
    if (!pressed) return;
    if (number in DIRECTIONS) keys.add(DIRECTIONS[number]);
    else if (number === 0) keys.add("Space");
    else if (number < 4) keys.add(`button ${number}`);
    else if (number in COMMANDS) keys.add(COMMANDS[number]);
  });
  const [x = 0, y = 0] = pad.axes;
  if (x < -DEAD_ZONE) keys.add("ArrowLeft");
  if (x > DEAD_ZONE) keys.add("ArrowRight");
  if (y < -DEAD_ZONE) keys.add("ArrowUp");
  if (y > DEAD_ZONE) keys.add("ArrowDown");
  return keys;
}

/** Listens to gamepads. The buttons 1 to 3 take the actions that have no key. */
export function listenToPads({ held, bindings, commands, playing }) {
  let before = new Set();
  let running = false;
  const actionOf = (key) => {
    const button = /^button (\d)$/.exec(key);
    if (!button) return bindings.actionOf(key);
    const rest = bindings.actions.filter(({ code }) => bindings.keyOf(code) === null);
    return rest[Number(button[1]) - 1]?.code ?? null;
  };
  const look = () => {
    const pads = navigator.getGamepads().filter(Boolean);
    running = pads.length > 0;
    const now = new Set();
    if (document.hasFocus()) for (const pad of pads) for (const key of keysOf(pad)) now.add(key);
    for (const key of before) if (!now.has(key)) held.release(`pad ${key}`);
    for (const key of now) {
      if (before.has(key) || !playing()) continue;
      if (commands[key]) commands[key]();
      else {
        const action = actionOf(key);
        if (action !== null) held.press(`pad ${key}`, action);
      }
    }
    before = now;
    if (running) requestAnimationFrame(look);
  };
  addEventListener("gamepadconnected", () => {
    if (!running) requestAnimationFrame(look);
    running = true;
  });
}
