// Small helpers for the page: elements, arrows of actions, names of keys, errors.

/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** Makes an element. Names with a hyphen become attributes, all others properties. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Colours of actions. White text can be read on each of them. */
const COLOURS = [
  "#2f6fc4", "#1b8458", "#b3541b", "#7a55c7", "#b03f73", "#147c86", "#866713", "#9a4a3c",
  "#4a5bb5", "#5f7a1f",
];
const STILL = "#6b7280";
let still = null;

/** Names the action that rests. It is grey, so that what moves stands out. */
export function setStill(code) {
  still = code;
}

/** The colour of an action in lists and on the timeline. */
export const colourOf = (code) => (code === still ? STILL : COLOURS[code % COLOURS.length]);

/** An arrow in the direction of the action, a dot if it rests, a ring if nothing is measured. */
export function arrow(action) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-12 -12 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("arrow");
  const speed = action ? Math.hypot(action.dx, action.dy) : 0;
  const shape = (tag, attributes) => {
    const part = document.createElementNS(svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
    svg.append(part);
  };
  if (!action?.measured) shape("circle", { r: 6, class: "ring" });
  else if (speed < 0.3) shape("circle", { r: 4 });
  else {
    const angle = (Math.atan2(action.dy, action.dx) * 180) / Math.PI;
    shape("path", { d: "M-9 0H7M1-6l7 6-7 6", transform: `rotate(${angle.toFixed(1)})` });
  }
  return svg;
}

const KEY_NAMES = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Space: "Space",
  ShiftLeft: "Shift", ShiftRight: "Shift", Enter: "Enter", Comma: ",", Slash: "/", Semicolon: ";",
};

/** What is printed on a key. `key` is a `KeyboardEvent.code`. */
export const keyName = (key) =>
  KEY_NAMES[key] ?? key.replace(/^(Key|Digit)/, "").replace(/^Numpad/, "Num ");

/** Calls `act` at once, then at most every `ms`, and always with the last arguments. */
export function throttle(ms, act) {
  let timer = null;
  let waiting = null;
  const run = () => {
    timer = null;
    if (!waiting) return;
    act(...waiting);
    waiting = null;
    timer = setTimeout(run, ms);
  };
  const call = (...given) => {
    waiting = given;
    if (timer === null) run();
  };
  /** Makes a waiting call now. */
  call.flush = () => {
    clearTimeout(timer);
    run();
  };
  return call;
}

/** Shows an error in its place, with an optional button. Without an error the place is hidden. */
export function showError(place, error, button = null) {
  place.hidden = !error;
  place.replaceChildren(error ? String(error.message ?? error) : "");
  if (error && button) {
    const { text: textContent, act: onclick } = button;
    place.append(" ", make("button", { type: "button", textContent, onclick }));
  }
}

/**
 * The scale at which pixels are sharp, in CSS pixels per pixel of the picture.
 *
 * It is a whole number of the display's pixels, unless the picture does not fit at all.
 */
export function wholeScale(width, height, roomX, roomY) {
  const ratio = window.devicePixelRatio || 1;
  const most = Math.min((roomX * ratio) / width, (roomY * ratio) / height);
  return (most < 1 ? most : Math.floor(most)) / ratio;
}

/** Gives a canvas its pixels and its size on the page. Setting the pixels clears it. */
export function sizeCanvas(canvas, width, height, scale) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.style.width = `${width * scale}px`;
  canvas.style.height = `${height * scale}px`;
}

/** Whether the user asked for little motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
