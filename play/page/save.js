// Saving files of a game: an error of the server is shown, and is not a broken download.

import { load } from "./ask.js";
import { banner } from "./shell.js";
import { $, make } from "./ui.js";

const FILES = [["gif", "play.gif"], ["strip", "strip.png"], ["log", "log.json"]];

/** Makes the links save files of this game. */
export function saveFrom(game) {
  for (const [id, file] of FILES) {
    const link = $(`save-${id}`);
    link.href = `/api/sessions/${game.id}/${file}`;
    link.download = `genie-${game.id}-${file}`;
    link.onclick = (event) => {
      // With a modifier key the browser opens or saves the link itself.
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      save(link);
    };
  }
}

/** Loads the file of a link, then gives it to the browser's downloads. */
async function save(link) {
  if (link.ariaBusy === "true") return;
  const { href, download } = link;
  link.ariaBusy = "true";
  try {
    const url = URL.createObjectURL(await (await load(href)).blob());
    make("a", { href: url, download }).click();
    // The browser reads the file after the click.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    banner(error.message);
  } finally {
    link.ariaBusy = null;
  }
}
