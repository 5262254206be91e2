// The large view: one clip that plays, what is known of it, and its label.

import { ask } from "./ask.js";
import { decoded, Film, pictured, sheetOf } from "./sheets.js";

const $ = (id) => document.getElementById(id);
const TOGETHER = 12;

/** Makes an element with properties and children. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** The clips of the wall, one after the other. */
export class WallList {
  constructor(wall, index) {
    this.wall = wall;
    this.index = index;
  }

  async move(by) {
    const clip = await this.wall.get(this.index + by);
    if (clip) this.index += by;
    return clip;
  }

  says() {
    return `Clip ${(this.index + 1).toLocaleString("en")} of ` +
      `${this.wall.total.toLocaleString("en")} on the wall.`;
  }
}

/** The clips that teach most, which the server chooses. */
export class Queue {
  /** `query()` returns who, where and expression. */
  constructor(query) {
    this.query = query;
    this.clips = [];
    this.place = -1;
  }

  async move(by) {
    const place = this.place + by;
    if (place < 0) return null;
    if (place >= this.clips.length) await this.fetch();
    if (place >= this.clips.length) return null;
    this.place = place;
    // The next pictures are there when they are needed.
    for (const clip of this.clips.slice(place + 1, place + 4)) {
      new Image().src = sheetOf(clip.id, "whole");
    }
    if (place + 4 > this.clips.length) this.fetch().catch(() => null);
    return this.clips[place];
  }

  /** Asks for more clips, once at a time. Clips that were shown and skipped do not come again. */
  fetch() {
    this.fetching ??= (async () => {
      try {
        const known = new Set(this.clips.map(({ id }) => id));
        // The server also returns clips that were skipped, because they have no label.
        const open = this.clips.filter(({ judged }) => !judged).length;
        const query = new URLSearchParams({ ...this.query(), count: TOGETHER + open });
        const more = await ask(`/api/queue?${query}`);
        this.clips.push(...more.filter(({ id }) => !known.has(id)));
      } finally {
        this.fetching = null;
      }
    })();
    return this.fetching;
  }

  says() {
    return "Clips that teach most.";
  }
}

/** The large view. */
export class Viewer {
  /** `on` has the functions changed(clip), pictures(), failed(error) and closed(). */
  constructor(info, labels, on) {
    this.info = info;
    this.labels = labels;
    this.on = on;
    this.film = new Film($("film"), $("film-frame"));
    for (const label of ["good", "bad", "unsure"]) {
      $(`judge-${label}`).onclick = () => this.judge(label);
    }
    $("undo").onclick = () => this.undo();
    $("before").onclick = () => this.move(-1);
    $("after").onclick = () => this.move(1);
    $("decode").onclick = () => this.decode();
    $("viewer-close").onclick = () => $("viewer").close();
    $("viewer").onclose = () => {
      this.film.show(null, {});
      on.closed();
    };
    $("viewer").addEventListener("keydown", (event) => this.key(event));
    $("tags").onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      $("tags").blur();
      $("viewer").focus();
    };
    $("tags").oninput = () => this.showTags();
    addEventListener("resize", () => this.film.image && this.film.fit());
  }

  /** Opens the view with the first clip of a list. */
  async open(list, by) {
    this.list = list;
    const clip = await list.move(by);
    if (!clip) return false;
    if (!$("viewer").open) $("viewer").showModal();
    $("viewer").tabIndex = -1;
    $("viewer").focus();
    this.show(clip);
    return true;
  }

  async move(by) {
    try {
      const clip = await this.list.move(by);
      if (clip) return this.show(clip);
      $("progress").textContent = by > 0 ? "There are no more clips." : "This is the first clip.";
    } catch (error) {
      this.warn(error);
    }
    return null;
  }

  key(event) {
    if (event.target === $("tags") || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      g: () => this.judge("good"),
      b: () => this.judge("bad"),
      u: () => this.judge("unsure"),
      z: () => this.undo(),
      n: () => this.move(1),
      p: () => this.move(-1),
      t: () => $("tags").focus(),
      ArrowRight: () => this.move(1),
      ArrowLeft: () => this.move(-1),
      " ": () => this.film.toggle(),
    };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    // Arrow keys move a slider that has the focus, and Space presses a button.
    if (event.target.matches("input[type=range]") && key.startsWith("Arrow")) return;
    if (event.target.matches("button, a") && key === " ") return;
    const tag = /^[1-9]$/.test(key) ? this.labels.tags[Number(key) - 1] : null;
    const act = tag ? () => this.toggleTag(tag) : acts[key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** The tags that are written. */
  get tags() {
    return [...new Set($("tags").value.split(",").map((tag) => tag.trim()).filter(Boolean))];
  }

  toggleTag(tag) {
    const tags = this.tags;
    const without = tags.filter((one) => one !== tag);
    $("tags").value = (without.length < tags.length ? without : [...tags, tag]).join(", ");
    this.showTags();
  }

  /** Stores a label and shows the next clip at once. If it is not stored, the clip comes back. */
  async judge(label) {
    const { clip, tags } = this;
    if (!clip) return;
    if (!this.labels.hasName()) {
      $("viewer").close();
      this.on.failed(new Error("Write your name first: labels of several people are kept apart."));
      return;
    }
    $("tags").value = "";
    clip.judged = true;
    const sent = this.labels.send(clip, label, tags);
    this.move(1);
    try {
      this.on.changed(await sent);
      if (this.clip) this.say();
    } catch (error) {
      clip.judged = false;
      this.show(clip);
      $("tags").value = tags.join(", ");
      this.warn(new Error(`The label was not stored. ${error.message}`));
    }
  }

  async undo() {
    try {
      const id = await this.labels.undo();
      if (!id) {
        $("progress").textContent = "There is no label to take back.";
        return;
      }
      this.on.changed(id);
      await this.visit(id);
    } catch (error) {
      this.warn(error);
    }
  }

  /** Shows an error here and on the page, which the view covers. */
  warn(error) {
    $("progress").textContent = error.message;
    $("progress").classList.add("error");
    this.on.failed(error);
  }

  /** Shows a clip that need not be in the list. */
  async visit(id) {
    this.show(await ask(`/api/clips/${id}`));
  }

  show(clip) {
    this.clip = clip;
    const id = pictured(clip);
    $("no-film").hidden = Boolean(id);
    $("no-film-says").textContent = "Not kept: the dataset has no pictures of this clip.";
    $("decode").hidden = clip.kept;
    this.film.show(id, clip).catch(() => {
      // The server forgets pictures of clips that are not kept.
      decoded.delete(clip.id);
      $("film").hidden = true;
      $("no-film").hidden = false;
      $("no-film-says").textContent = "The pictures cannot be loaded.";
    });
    this.facts(clip);
    const mine = clip.labels.find(({ who }) => who === this.labels.who);
    for (const label of ["good", "bad", "unsure"]) {
      $(`judge-${label}`).setAttribute("aria-pressed", mine?.label === label);
    }
    $("tags").value = mine?.tags.join(", ") ?? "";
    this.showTags();
    this.say();
  }

  /** Asks for the pictures of a clip that is not kept. */
  async decode() {
    const { clip } = this;
    $("decode").setAttribute("aria-busy", "true");
    $("no-film-says").textContent = "Decoding the video up to this clip…";
    try {
      const { clips } = await ask(`/api/clips/${clip.id}/pictures`, { method: "POST" });
      for (const id of clips) decoded.add(id);
      this.on.pictures();
      if (this.clip === clip) this.show(clip);
    } catch (error) {
      if (this.clip === clip) $("no-film-says").textContent = error.message;
    } finally {
      $("decode").setAttribute("aria-busy", "false");
    }
  }

  facts(clip) {
    const verdict = clip.kept ? "Kept" : "Not kept";
    const bold = make("b", { className: clip.kept ? "kept" : "dropped", textContent: verdict });
    $("verdict").replaceChildren(bold, clip.reason ? `: ${clip.reason}` : "");
    const seconds = clip.fps > 0 ? (clip.frames / clip.fps).toFixed(1) : "?";
    $("origin").textContent = `${clip.source}, from ${clip.start.toFixed(1)} s, ${seconds} s, ` +
      `${clip.frames} frames, ${clip.split.replace("_", " ")}`;
    const link = (text, id) => {
      const button = make("button", { type: "button", textContent: text });
      button.onclick = () => this.visit(id).catch(this.on.failed);
      return button;
    };
    const copies = clip.copies.map((id, number) => link(`Copy ${number + 1}`, id));
    const original = clip.original ? [link("The original", clip.original)] : [];
    $("relatives").replaceChildren(...original, ...copies);
    const words = clip.labels.map(({ who, label, tags }) =>
      `${who}: ${label}${tags.length ? ` (${tags.join(", ")})` : ""}`);
    $("clip-labels").textContent = words.join("; ");
    const rows = this.info.scores.map((name, score) => make("tr", {},
      make("td", { textContent: name }),
      make("td", { textContent: clip.scores[score]?.toFixed(3) ?? "none" })));
    $("scores").tBodies[0].replaceChildren(...rows);
    const where = `clip_id = '${clip.id}'`;
    $("clip-id").textContent = clip.id;
    $("clip-id").href = `#${new URLSearchParams({ where })}`;
  }

  showTags() {
    const written = this.tags;
    const buttons = this.labels.tags.map((tag, number) => {
      const key = make("kbd", {}, `${number + 1}`);
      const button = make("button", { type: "button" }, key, ` ${tag}`);
      button.setAttribute("aria-pressed", written.includes(tag));
      button.onclick = () => this.toggleTag(tag);
      return button;
    });
    $("known-tags").replaceChildren(...buttons);
  }

  say() {
    $("progress").classList.remove("error");
    $("progress").textContent = `${this.list.says()} ${this.labels.progress}`;
  }
}
