// Labels: sending them, taking them back, and how many there are.

import { ask } from "./ask.js";

const $ = (id) => document.getElementById(id);
const STACK = "genie-undo";

/** The labels of one person in this window. */
export class Labels {
  constructor() {
    $("who").value = localStorage.getItem("genie-who") ??
      new URLSearchParams(location.search).get("who") ?? "";
    $("who").onchange = () => {
      localStorage.setItem("genie-who", this.who);
      this.load();
    };
    this.counts = { good: 0, bad: 0, unsure: 0, tags: {}, people: {} };
    this.sending = 0;
    this.since = performance.now();
    this.made = 0;
    // What was there before each label; a reloaded page can take labels back, too.
    this.stack = JSON.parse(sessionStorage.getItem(STACK) ?? "[]");
    addEventListener("beforeunload", (event) => {
      if (this.sending) event.preventDefault();
    });
  }

  get who() {
    return $("who").value.trim();
  }

  /** Asks for the name if there is none; returns whether there is one. */
  hasName() {
    if (!this.who) {
      $("who").focus();
      $("who").setAttribute("aria-invalid", "true");
      return false;
    }
    $("who").setAttribute("aria-invalid", "false");
    return true;
  }

  async load() {
    this.counts = await ask(`/api/labels?${new URLSearchParams({ who: this.who })}`);
  }

  /** Stores a label; resolves with the clip when it is on the disk. */
  async send(clip, label, tags) {
    const answer = await this.post(clip.id, label, tags);
    this.stack.push({ clip: clip.id, before: answer.before });
    this.remember();
    this.made += 1;
    return clip.id;
  }

  /** Takes the last label back: what was there before it counts again. */
  async undo() {
    const last = this.stack.pop();
    if (!last) return null;
    this.remember();
    try {
      await this.post(last.clip, last.before?.label ?? null, last.before?.tags ?? []);
    } catch (error) {
      this.stack.push(last);
      this.remember();
      throw error;
    }
    this.made = Math.max(0, this.made - 1);
    return last.clip;
  }

  remember() {
    this.stack = this.stack.slice(-200);
    sessionStorage.setItem(STACK, JSON.stringify(this.stack));
  }

  async post(clip, label, tags) {
    this.sending += 1;
    try {
      const body = JSON.stringify({ clip, who: this.who, label, tags });
      const headers = { "Content-Type": "application/json" };
      const answer = await ask("/api/labels", { method: "POST", headers, body });
      if (answer.before?.label) this.counts[answer.before.label] -= 1;
      if (label) this.counts[label] += 1;
      for (const tag of tags) this.counts.tags[tag] = (this.counts.tags[tag] ?? 0) + 1;
      return answer;
    } finally {
      this.sending -= 1;
    }
  }

  /** The tags in use, the most frequent ones first. */
  get tags() {
    const order = ([a, m], [b, n]) => n - m || (a < b ? -1 : 1);
    return Object.entries(this.counts.tags).sort(order).slice(0, 9).map(([tag]) => tag);
  }

  /** How many labels there are, and how fast they come. */
  get progress() {
    const { good, bad, unsure } = this.counts;
    const hours = (performance.now() - this.since) / 3.6e6;
    const speed = this.made >= 3 ? ` ${Math.round(this.made / hours)} per hour.` : "";
    return `${good} good, ${bad} bad, ${unsure} unsure by ${this.who || "nobody"}.${speed}`;
  }
}
