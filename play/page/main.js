// Starts the page: reads the world, finds or starts a game, and connects the parts.

import { ActionList } from "./actions.js";
import { ask } from "./ask.js";
import { Drawing } from "./draw.js";
import { Futures } from "./futures.js";
import { Game } from "./game.js";
import { Inspector } from "./inspect.js";
import { listenToKeys, listenToPads } from "./input.js";
import { Bindings, Held } from "./keys.js";
import { Meters } from "./meters.js";
import { banner, commandsOf, listenToPage, onPlayScreen, say, sayLink } from "./shell.js";
import { Clips, Picture, startClip } from "./start.js";
import { Timeline } from "./timeline.js";
import { $, setStill, showError } from "./ui.js";
import { View } from "./view.js";

let game = null;
let parts = null;

/** Shows the start screen or the game. */
function open(screen) {
  parts.held.releaseAll();
  $("start-screen").hidden = screen !== "start";
  $("play-screen").hidden = screen !== "play";
  $("new").hidden = screen !== "play";
  $("back-to-game").hidden = screen !== "start" || !game;
  document.body.classList.toggle("at-play", screen === "play");
  scrollTo(0, 0);
  if (screen === "play") {
    parts.view.layout();
    parts.timeline.show();
    $("screen").focus({ preventScroll: true });
  } else {
    game?.pause();
    say("Choose how to start.");
  }
}

/**
 * Starts a game with `request`. An error is shown in `place`, and nothing else changes.
 *
 * The old game is closed only after the new one has started.
 */
async function begin(button, place, request) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  showError(place, null);
  say("Starting…");
  try {
    const session = await request();
    const old = game;
    follow(session, true);
    if (old) ask(`/api/sessions/${old.id}`, { method: "DELETE" }).catch(() => null);
  } catch (error) {
    say("The game did not start.");
    showError(place, error, error.status === 503 ? placeMaker(button, place, request) : null);
    place.scrollIntoView({ block: "nearest" });
  }
  button.removeAttribute("aria-busy");
}

/** When the server is full: a button that tries again, and gives up the player's own old game. */
function placeMaker(button, place, request) {
  const again = () => begin(button, place, request);
  if (!game) return { text: "Try again", act: again };
  return {
    text: "Close my old game and try again",
    act: async () => {
      const { id } = game;
      forget();
      await ask(`/api/sessions/${id}`, { method: "DELETE" }).catch(() => null);
      again();
    },
  };
}

function forget() {
  game?.close();
  game = null;
  $("back-to-game").hidden = true;
  history.replaceState(null, "", location.pathname + location.search);
}

/** Makes a session the game on the screen. */
function follow(session, fresh) {
  game?.close();
  const one = (game = new Game(parts.world, session, fresh));
  history.replaceState(null, "", `#${one.id}`);
  sayLink(null);
  const { held, view, timeline, list, futures, inspector, meters } = parts;
  for (const part of [view, timeline, futures, inspector, meters, held]) part.follow(one);
  one.addEventListener("session", () => {
    for (const part of [view, timeline, inspector]) part.session();
    list.show(one, one.frames.get(one.shown)?.header);
    describe();
  });
  one.addEventListener("frame", ({ detail: frame }) => {
    view.show(frame);
    timeline.show();
    list.show(one, frame.header);
    futures.frame(frame.header.node);
    inspector.frame(frame);
    if (one.session.playing) meters.frame(frame.header);
    describe();
  });
  one.addEventListener("link", ({ detail: { lost } }) => {
    sayLink(lost);
    describe();
  });
  one.addEventListener("notice", ({ detail }) => banner(detail));
  one.addEventListener("error", ({ detail }) => banner(detail));
  one.addEventListener("gone", () => {
    say("The game is gone.");
    document.body.classList.add("offline");
    banner("The server no longer has this game: it was idle for too long, or the server started " +
      "anew. The last picture stays here.", { text: "Start a new game", act: () => leaveGone() });
  });
  open("play");
  describe();
}

function leaveGone() {
  sayLink(null);
  forget();
  open("start");
}

/** Says the game's state when it changes. Frames that pass change nothing here. */
function describe() {
  if (!game || !onPlayScreen() || document.body.classList.contains("offline")) return;
  const { session, ready } = game;
  if (ready) say("Ready.");
  else if (!session.playing) say(game.reason ?? "Paused.");
  else if (parts.view.doubting) say("Playing. The model is making this up.");
  else say(session.autopilot ? "Playing on autopilot." : "Playing.");
}

/** Finds the session that the address names, or starts from the clip that it names. */
async function restore() {
  const id = location.hash.slice(1);
  const [, clip, first, prompt] = /^clip=([\w-]+):(\d+):(\d+)$/.exec(id) ?? [];
  if (clip) {
    open("start");
    const request = () => startClip(clip, Number(first), Number(prompt));
    return begin($("sql-run"), $("clips-error"), request);
  }
  if (!/^[\w-]+$/.test(id)) return open("start");
  if (game?.id === id) return open("play");
  try {
    follow(await ask(`/api/sessions/${encodeURIComponent(id)}`), false);
  } catch (error) {
    history.replaceState(null, "", location.pathname + location.search);
    open("start");
    const gone = "The game of this address is gone: it was idle for too long, or the server " +
      "started anew. Start a new one below.";
    banner(error.status === 404 ? gone : error.message);
  }
}

function connect(world) {
  setStill(world.still);
  const bindings = new Bindings(world);
  const held = new Held(() => game && parts.list.show(game, game.frames.get(game.shown)?.header));
  parts = { world, held };
  parts.list = new ActionList(world, bindings, held);
  parts.view = new View(world);
  parts.timeline = new Timeline(world, held);
  parts.futures = new Futures(world);
  parts.inspector = new Inspector(world);
  parts.meters = new Meters();
  parts.clips = new Clips(world, begin);
  parts.picture = new Picture(world, begin, () => open("start"));
  parts.drawing = new Drawing(world, begin);
  const commands = commandsOf(parts, () => game);
  const capture = () => parts.list.capture;
  listenToKeys({ held, bindings, commands, playing: onPlayScreen, capture });
  listenToPads({ held, bindings, commands, playing: onPlayScreen });
  listenToPage({
    game: () => game,
    open,
    restore,
    letGo: () => held.releaseAll(),
    draw: (frame) => parts.drawing.load(frame.picture),
  });
  $("about").textContent = `genie-play ${world.version} on ${world.device}, dynamics ` +
    `${world.models.dynamics}`;
}

try {
  connect(await ask("/api/world"));
  await restore();
} catch (error) {
  say("The page could not start.");
  banner(error.message, { text: "Try again", act: () => location.reload() });
}
