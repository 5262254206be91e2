// The start screen: clips chosen by SQL, and a picture that is dropped, pasted or chosen.

import { ask } from "./ask.js";
import { $, make, showError, sizeCanvas, throttle, wholeScale } from "./ui.js";

/** Sends a picture to the server as a new session. */
export const startPicture = (blob, fit) => {
  const query = new URLSearchParams({ fit });
  if ($("seed").value !== "") query.set("seed", $("seed").value);
  const headers = { "Content-Type": blob.type || "image/unknown" };
  return ask(`/api/sessions?${query}`, { method: "POST", headers, body: blob });
};

/** Starts a new session from `prompt` frames of a clip. */
export const startClip = (clip, first, prompt) => {
  const query = new URLSearchParams();
  if ($("seed").value !== "") query.set("seed", $("seed").value);
  const body = JSON.stringify({ clip, first, prompt });
  const headers = { "Content-Type": "application/json" };
  return ask(`/api/sessions?${query}`, { method: "POST", headers, body });
};

/** The clips with their thumbnails. `begin(button, place, request)` starts a game. */
export class Clips {
  constructor(world, begin) {
    this.world = world;
    this.begin = begin;
    this.clips = [];
    $("sql-form").onsubmit = (event) => {
      event.preventDefault();
      this.load(true);
    };
    $("more").onclick = () => this.load(false);
    $("prompt").max = Math.max(1, world.window - 1);
    $("prompt").oninput = () => {
      $("prompt-value").textContent = $("prompt").value;
    };
    const redraw = throttle(120, () => this.clips.forEach((clip) => this.thumb(clip)));
    $("first").oninput = () => {
      $("first-value").textContent = $("first").value;
      redraw();
    };
    this.load(true);
  }

  /** Loads clips: the first ones of the SQL expression, or more of them. */
  async load(anew) {
    const place = $("start-clips");
    if (anew) this.where = $("sql").value.trim();
    const after = anew ? 0 : this.clips.length;
    place.setAttribute("aria-busy", "true");
    try {
      const query = new URLSearchParams({ where: this.where, after });
      const { clips, total } = await ask(`/api/clips?${query}`);
      showError($("sql-error"), null);
      $("sql").removeAttribute("aria-invalid");
      if (anew) {
        this.clips = [];
        place.replaceChildren();
      }
      for (const clip of clips) this.add(clip);
      const count = `${total} recording${total === 1 ? "" : "s"}`;
      $("clips-count").textContent = total ? `${this.clips.length} of ${count}` : "";
      $("more").hidden = this.clips.length >= total || !clips.length;
      if (!total) place.append(make("p", { className: "soft", textContent: this.nothing() }));
      $("first").max = Math.max(0, ...this.clips.map(({ clip }) => clip.frames - 2));
    } catch (error) {
      showError($("sql-error"), error);
      $("sql").setAttribute("aria-invalid", "true");
    }
    place.setAttribute("aria-busy", "false");
  }

  nothing() {
    return this.where ? "No recording fits. Change the expression." : "There are no recordings.";
  }

  add(clip) {
    const { width, height } = this.world;
    const scale = Math.max(1, Math.round(96 / Math.max(width, height)));
    const image = make("img", { className: "pixels", alt: "", loading: "lazy" });
    image.width = width * scale;
    image.height = height * scale;
    const label = `Play ${clip.name}, from second ${clip.start.toFixed(0)}`;
    const button = make("button", { type: "button", className: "clip", title: label,
      "aria-label": label }, image);
    button.id = `clip-${this.clips.length}`;
    button.onclick = () => this.begin(button, $("clips-error"), () => this.request(clip));
    this.clips.push({ clip, image });
    this.thumb({ clip, image });
    $("start-clips").append(button);
  }

  first(clip) {
    return Math.max(0, Math.min(Number($("first").value), clip.frames - 2));
  }

  thumb({ clip, image }) {
    const first = this.first(clip);
    image.src = first ? `/api/clips/${clip.id}/${first}.png` : clip.thumb;
  }

  request(clip) {
    const first = this.first(clip);
    const prompt = Math.min(Number($("prompt").value), Math.max(1, clip.frames - first));
    return startClip(clip.id, first, prompt);
  }
}

/** A picture from outside: it is shown as the model will see it, and then sent as it is. */
export class Picture {
  constructor(world, begin, arrived) {
    this.world = world;
    this.arrived = arrived; // called when a picture comes while a game is on the screen
    $("file").onchange = ({ target }) => {
      this.take(target.files[0]);
      target.value = "";
    };
    for (const id of ["fit-crop", "fit-pad"]) $(id).onchange = () => this.draw();
    $("picture-play").onclick = () =>
      begin($("picture-play"), $("picture-error"), () => startPicture(this.blob, this.fit));
    addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      const file = files.find(({ type }) => type.startsWith("image/"));
      if (file) this.take(file);
    });
    addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      $("drop").hidden = false;
    });
    addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) $("drop").hidden = true;
    });
    addEventListener("drop", (event) => {
      event.preventDefault();
      $("drop").hidden = true;
      if (event.dataTransfer.files.length) this.take(event.dataTransfer.files[0]);
    });
  }

  get fit() {
    return $("fit-pad").checked ? "pad" : "crop";
  }

  /** Reads a picture and shows it, or says why not. The picture before it stays then. */
  async take(file) {
    if (!file) return;
    this.arrived();
    const { image_bytes: bytes, image_pixels: pixels } = this.world.limits;
    try {
      if (bytes && file.size > bytes) {
        throw new Error(`${file.name} is larger than ${(bytes / 1e6).toFixed(1)} MB.`);
      }
      const image = await createImageBitmap(file).catch(() => {
        throw new Error(`The browser cannot read ${file.name} as a picture. Use PNG or JPEG.`);
      });
      if (pixels && image.width * image.height > pixels) {
        throw new Error(`${file.name} has more than ${Math.floor(pixels / 1e6)} million pixels.`);
      }
      this.blob = file;
      this.image = image;
      $("picture-name").textContent = `${file.name}, ${image.width} × ${image.height}`;
      showError($("picture-error"), null);
      $("picture-chosen").hidden = false;
      this.draw();
      $("picture-play").focus();
      $("picture-chosen").scrollIntoView({ block: "nearest" });
    } catch (error) {
      showError($("picture-error"), error);
    }
  }

  /** Draws the preview: cropped to the model's shape, or with borders around it. */
  draw() {
    const { width, height } = this.world;
    sizeCanvas($("preview"), width, height, wholeScale(width, height, 160, 160));
    const context = $("preview").getContext("2d");
    context.fillStyle = "black";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = "high";
    const { image } = this;
    const choose = this.fit === "crop" ? Math.max : Math.min;
    const scale = choose(width / image.width, height / image.height);
    const [w, h] = [image.width * scale, image.height * scale];
    context.drawImage(image, (width - w) / 2, (height - h) / 2, w, h);
  }
}
