// Starts the page: reads what the dataset is, and connects the parts.

import { ask } from "./ask.js";
import { Filter } from "./filter.js";
import { Keep } from "./keep.js";
import { Labels } from "./labels.js";
import { Queue, Viewer, WallList } from "./viewer.js";
import { Wall } from "./wall.js";

const $ = (id) => document.getElementById(id);
const count = (number) => number.toLocaleString("en");

function banner(error) {
  $("banner").hidden = !error;
  $("banner-text").textContent = error ? String(error.message ?? error) : "";
}

/** The width of a clip's frames over their height, from the first one that has pictures. */
function shapeOf(clips) {
  const kept = clips.find((clip) => clip.kept);
  if (!kept) return Promise.resolve(16 / 9);
  return new Promise((found) => {
    const image = new Image();
    const frames = Math.min(12, kept.frames);
    image.onload = () => found(image.naturalWidth / frames / image.naturalHeight);
    image.onerror = () => found(16 / 9);
    image.src = `/sheets/${kept.id}/thumbnail.jpg`;
  });
}

async function start() {
  const info = await ask("/api/info");
  const labels = new Labels();
  const wall = new Wall($("wall"), $("tiles"));
  const shown = await ask("/api/clips?where=kept&count=1");
  wall.shape = await shapeOf(shown.clips);
  const filter = new Filter(info, (query) => wall.open(query));
  const keep = new Keep(info, wall, (query) => filter.set(query));
  const changed = async (id) => wall.update(await ask(`/api/clips/${id}`));
  const viewer = new Viewer(info, labels, {
    changed: (id) => changed(id).catch(banner),
    pictures: () => wall.refill(),
    failed: banner,
    closed: () => $("wall").focus({ preventScroll: true }),
  });
  wall.caption = (clip) => {
    const score = info.scores.indexOf($("sort").value);
    if (score >= 0) return `${$("sort").value} ${clip.scores[score]?.toFixed(3) ?? "none"}`;
    return clip.source.split("/").at(-1);
  };
  wall.addEventListener("list", ({ detail: total }) => {
    $("count").textContent = `${count(total)} ${total === 1 ? "clip" : "clips"}`;
  });
  wall.addEventListener("failed", ({ detail }) => banner(detail));
  wall.addEventListener("choose", ({ detail: index }) => {
    viewer.open(new WallList(wall, index), 0).catch(banner);
  });
  keep.addEventListener("mark", ({ detail }) => wall.setMark(detail));

  const label = async () => {
    if (!labels.hasName()) return;
    banner(null);
    const query = () =>
      ({ who: labels.who, where: filter.where, expression: keep.expression });
    try {
      await labels.load();
      if (await viewer.open(new Queue(query), 1)) return;
      banner("All clips on the wall that have pictures have your label, or there are none.");
    } catch (error) {
      banner(error);
    }
  };
  $("label-open").onclick = label;
  $("help-open").onclick = () => $("help").showModal();
  $("banner-close").onclick = () => banner(null);
  $("skip").onclick = (event) => {
    event.preventDefault();
    $("wall").focus();
  };
  addEventListener("keydown", (event) => {
    const writes = event.target.matches("input:not([type=range]), textarea, select");
    if (writes || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const act = { l: label, "?": () => $("help").showModal(), "/": () => $("where").focus() };
    if (!act[event.key]) return;
    event.preventDefault();
    act[event.key]();
  });
  addEventListener("hashchange", () => location.reload());

  await Promise.all([filter.apply(), keep.load(null), labels.load()]);
  $("status").textContent = `${info.root}: ${count(info.clips)} clips of ` +
    `${count(info.sources)} videos, ${count(info.kept)} kept.`;
}

try {
  await start();
} catch (error) {
  $("status").textContent = "The page could not start.";
  banner(error);
}
