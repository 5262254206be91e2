// The wall: all clips of a condition, of which only those on the screen are in the page.

import { ask } from "./ask.js";
import { pictured, playIn } from "./sheets.js";

const GAP = 10;
const CAPTION = 26;
const WIDEST = 200;
/** Clips in one request. */
const PAGE = 100;
/** Requests whose clips are remembered. */
const PAGES = 30;
/** Browsers do not show taller elements. */
const TALLEST = 12e6;
/** Rows above and below the screen. */
const SPARE = 2;

/** Makes an element with a class and a text. */
function part(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** The wall. Events: `list` (total), `choose` (index), `failed` (error). */
export class Wall extends EventTarget {
  constructor(wall, tiles) {
    super();
    this.wall = wall;
    this.tiles = tiles;
    this.total = 0;
    this.shape = 16 / 9;
    this.pages = new Map();
    this.shown = new Map();
    this.mark = null;
    this.caption = () => "";
    wall.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.resize()).observe(wall);
    tiles.addEventListener("click", ({ target }) => {
      const tile = target.closest(".tile");
      if (tile) this.emit("choose", Number(tile.dataset.index));
    });
  }

  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** Shows the clips of `query` (where, sort, descending). Resolves when they are there. */
  async open(query, keepPlace = false) {
    const url = new URLSearchParams(query);
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.wall.setAttribute("aria-busy", "true");
    try {
      const list = await ask(`/api/clips?${url}&after=0&count=${PAGE}&refresh=true`);
      // Another condition may have been shown meanwhile.
      if (turn !== this.turn) return;
      this.query = url;
      this.reset(list, keepPlace);
    } finally {
      this.wall.setAttribute("aria-busy", "false");
    }
  }

  reset({ version, total, clips }, keepPlace) {
    this.version = version;
    this.total = total;
    this.pages = new Map([[0, clips]]);
    this.waiting = new Set();
    this.clear();
    if (!keepPlace) this.wall.scrollTop = 0;
    this.emit("list", total);
    this.resize();
  }

  clear() {
    for (const tile of this.shown.values()) tile.remove();
    this.shown.clear();
  }

  resize() {
    const room = this.tiles.clientWidth;
    if (!room) return;
    this.columns = Math.max(1, Math.ceil((room + GAP) / (WIDEST + GAP)));
    this.width = (room - GAP * (this.columns - 1)) / this.columns;
    this.row = this.width / this.shape + CAPTION + GAP;
    this.height = Math.ceil(this.total / this.columns) * this.row;
    this.tiles.style.height = `${Math.min(this.height, TALLEST)}px`;
    this.clear();
    this.draw();
  }

  /** The place in the whole wall at the top of the screen, in pixels. */
  get top() {
    const room = this.wall.clientHeight;
    const scroll = this.wall.scrollTop;
    if (this.height <= TALLEST) return scroll;
    return (scroll / (TALLEST - room)) * (this.height - room);
  }

  /** Scrolls so that a clip is in the middle of the screen. */
  scrollTo(index) {
    const room = this.wall.clientHeight;
    const top = Math.floor(index / this.columns) * this.row - room / 2;
    const real = this.height <= TALLEST ? 1 : (TALLEST - room) / (this.height - room);
    this.wall.scrollTop = top * real;
  }

  draw() {
    if (!this.row) return;
    const top = this.top;
    const first = Math.max(0, Math.floor(top / this.row) - SPARE) * this.columns;
    const rows = Math.ceil(this.wall.clientHeight / this.row) + 1 + 2 * SPARE;
    const last = Math.min(this.total, first + rows * this.columns);
    for (const [index, tile] of this.shown) {
      if (index >= first && index < last) continue;
      tile.remove();
      this.shown.delete(index);
    }
    // Tiles are placed relative to the scrolled part, which may be shorter than the wall.
    const shift = this.wall.scrollTop - top;
    for (let index = first; index < last; index += 1) {
      const clip = this.at(index);
      let tile = this.shown.get(index);
      if (!tile || (clip && tile.dataset.id !== clip.id)) {
        tile?.remove();
        tile = this.make(index, clip);
        this.shown.set(index, tile);
        this.tiles.append(tile);
      }
      const y = Math.floor(index / this.columns) * this.row + shift;
      const x = (index % this.columns) * (this.width + GAP);
      tile.style.transform = `translate(${x}px, ${y}px)`;
    }
    this.fetchSoon();
  }

  make(index, clip) {
    const tile = part("button", "tile");
    tile.type = "button";
    tile.style.width = `${this.width}px`;
    tile.style.height = `${this.row - GAP}px`;
    tile.dataset.index = index;
    if (clip) {
      tile.dataset.id = clip.id;
      this.fill(tile, clip);
    }
    return tile;
  }

  fill(tile, clip) {
    const id = pictured(clip);
    const mark = part("span", "mark");
    if (clip.original) mark.append(part("span", "badge", "copy"));
    for (const { who, label } of clip.labels) {
      const badge = part("span", `badge ${label}`, label);
      badge.title = `${who}: ${label}`;
      mark.append(badge);
    }
    let picture = part("span", "none", `not kept: no pictures\n${clip.reason ?? ""}`);
    if (id) playIn((picture = part("span", "frames")), id, clip.frames);
    const caption = this.caption(clip);
    tile.replaceChildren(picture, part("span", "caption", caption), mark);
    tile.title = clip.reason ? `not kept: ${clip.reason}` : caption;
    tile.classList.toggle("goes", this.mark?.(clip) ?? false);
  }

  /** Dims the clips for which `mark` returns true. */
  setMark(mark) {
    this.mark = mark;
    for (const [index, tile] of this.shown) {
      const clip = this.at(index);
      if (clip) tile.classList.toggle("goes", mark?.(clip) ?? false);
    }
  }

  /** Draws a clip again after its labels have changed. */
  update(clip) {
    for (const page of this.pages.values()) {
      const place = page.findIndex(({ id }) => id === clip.id);
      if (place >= 0) page[place] = clip;
    }
    for (const tile of this.shown.values()) if (tile.dataset.id === clip.id) this.fill(tile, clip);
  }

  /** Draws all tiles again after new pictures have come. */
  refill() {
    for (const [index, tile] of this.shown) {
      const clip = this.at(index);
      if (clip) this.fill(tile, clip);
    }
  }

  /** The clip with this index, if it is here. */
  at(index) {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** The clip with this index. */
  async get(index) {
    if (index < 0 || index >= this.total) return null;
    if (!this.at(index)) await this.fetch(Math.floor(index / PAGE));
    return this.at(index) ?? null;
  }

  /** Asks for the clips on the screen, when the wall does not move fast. */
  fetchSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      for (const index of this.shown.keys()) {
        const page = Math.floor(index / PAGE);
        if (!this.pages.has(page) && !this.waiting.has(page)) {
          this.fetch(page).catch((error) => this.emit("failed", error));
        }
      }
    }, 40);
  }

  async fetch(page) {
    this.waiting.add(page);
    const query = this.query;
    try {
      const list = await ask(`/api/clips?${query}&after=${page * PAGE}&count=${PAGE}`);
      if (query !== this.query) return;
      if (list.version !== this.version) {
        // The dataset has changed, and so has the order of the clips.
        await this.open(query, true);
        return;
      }
      this.pages.set(page, list.clips);
      if (this.pages.size > PAGES) this.forget(page);
      this.draw();
    } finally {
      this.waiting.delete(page);
    }
  }

  /** Forgets the page that is farthest away. */
  forget(near) {
    const far = [...this.pages.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near))[0];
    this.pages.delete(far);
  }

  /**
   * The first index whose clip's score is at least `value`, in a wall sorted by that score.
   * Clips without this score come last.
   */
  async seek(score, value) {
    let [low, high] = [0, this.total];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const clip = await this.get(middle);
      if (clip && (clip.scores[score] ?? Infinity) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
