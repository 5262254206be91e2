// The frame around the screens: messages, commands by key, buttons of the page, leaving it.

import { $ } from "./ui.js";

/** Says a change of state, on the page and to screen readers. */
export function say(text) {
  if ($("status").textContent !== text) $("status").textContent = text;
}

/** Shows a message over the page until it is closed, with an optional button. */
export function banner(text, button = null) {
  $("banner").hidden = !text;
  $("banner-text").textContent = text ?? "";
  $("banner-action").hidden = !button;
  if (button) {
    $("banner-action").textContent = button.text;
    $("banner-action").onclick = button.act;
  }
}

/** Whether a game is on the screen. */
export const onPlayScreen = () => !$("play-screen").hidden;

/** Says that the connection is lost, and when the page tries again; null: it is there. */
export function sayLink(lost) {
  document.body.classList.toggle("offline", lost !== null);
  if (lost === null) {
    banner(null);
    return;
  }
  const soon = lost < 1 ? "in a moment" : `in ${Math.round(lost)} seconds`;
  say("The connection is lost.");
  banner(`The connection is lost. The page tries again ${soon}.`);
}

/** What the keys of commands do. A command returns false if it does nothing now. */
export function commandsOf({ timeline, futures, inspector }, game) {
  const inGame = (act) => () => (onPlayScreen() ? act() : false);
  return {
    p: inGame(() => timeline.toggle()),
    ".": inGame(() => timeline.step()),
    r: inGame(() => game().reset()),
    "[": inGame(() => timeline.move(-1)),
    "]": inGame(() => timeline.move(1)),
    f: inGame(() => futures.toggle()),
    t: inGame(() => timeline.autopilot()),
    i: inGame(() => inspector.toggle()),
    "?": () => $("help").showModal(),
    Escape: inGame(() => {
      if (futures.open) return futures.close();
      return game().session.inspect && inspector.toggle();
    }),
  };
}

/** Buttons of the page itself, and what happens when the page is left. */
export function listenToPage({ game, open, restore, letGo, draw }) {
  // The address names the game, so this link must not change it.
  $("skip").onclick = (event) => {
    event.preventDefault();
    $("content").focus();
  };
  $("new").onclick = () => open("start");
  $("back-to-game").onclick = () => open("play");
  $("help-open").onclick = () => $("help").showModal();
  $("banner-close").onclick = () => banner(null);
  $("draw-frame").onclick = () => {
    const frame = game().frames.get(game().shown);
    open("start");
    if (frame) draw(frame);
    $("drawing").focus();
  };
  $("copy-link").onclick = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      $("copy-link").textContent = "Copied";
      setTimeout(() => ($("copy-link").textContent = "Copy link"), 2000);
    } catch {
      banner(`The browser does not allow copying. The link is ${location.href}`);
    }
  };
  // After a click the keys belong to the game again, not to the button.
  $("play-screen").addEventListener("click", ({ detail, target }) => {
    const inside = target.closest("#inspect-panel, #futures-panel, .key, #draw-frame");
    if (detail > 0 && !inside && onPlayScreen()) $("screen").focus({ preventScroll: true });
  });
  const leave = () => {
    letGo();
    if (game()?.session.playing) game().pause("Paused, because you left the window.");
  };
  addEventListener("blur", leave);
  document.addEventListener("visibilitychange", () => document.hidden && leave());
  addEventListener("hashchange", restore);
}
