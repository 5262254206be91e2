// Which clips the wall shows, and in which order. The address of the page contains it.

import { Refused } from "./ask.js";

const $ = (id) => document.getElementById(id);

/** The form above the wall. */
export class Filter {
  /** `show(query)` shows clips, and may throw. */
  constructor(info, show) {
    this.show = show;
    for (const name of [...info.scores, "frames", "start_pts"]) {
      $("sort").append(new Option(name, name));
    }
    for (const reason of info.reasons) $("reason").append(new Option(reason, reason));
    $("filter-form").onsubmit = (event) => {
      event.preventDefault();
      this.apply();
    };
    $("where").onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      this.apply();
    };
    $("sort").onchange = () => this.apply();
    $("direction").onclick = () => {
      this.descending = !this.descending;
      this.apply();
    };
    $("reason").onchange = ({ target: { value } }) => {
      $("where").value = value ? `reason = '${value.replaceAll("'", "''")}'` : "";
      this.apply();
    };
    for (const button of document.querySelectorAll(".quick button")) {
      button.onclick = () => {
        $("where").value = button.dataset.where;
        this.apply();
      };
    }
    const address = new URLSearchParams(location.hash.slice(1));
    $("where").value = address.get("where") ?? "";
    $("sort").value = address.get("sort") ?? "";
    this.descending = address.get("descending") === "true";
  }

  get descending() {
    return $("direction").getAttribute("aria-pressed") === "true";
  }

  set descending(down) {
    $("direction").setAttribute("aria-pressed", down);
    $("direction").textContent = down ? "Descending" : "Ascending";
  }

  get where() {
    return $("where").value.trim();
  }

  /** Changes the form, and shows the clips. */
  async set({ where, sort, descending }) {
    $("where").value = where;
    $("sort").value = sort;
    this.descending = descending;
    return this.apply();
  }

  /** Shows the clips; returns false if the condition is wrong. */
  async apply() {
    const query = { where: this.where, sort: $("sort").value, descending: this.descending };
    let problem = null;
    try {
      await this.show(query);
      history.replaceState(null, "", `#${new URLSearchParams(query)}`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem = error.message;
    }
    $("where").setAttribute("aria-invalid", problem !== null);
    $("where-error").hidden = problem === null;
    $("where-error").textContent = problem ?? "";
    return problem === null;
  }
}
