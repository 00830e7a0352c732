// One camera: its picture with the skeletons over it, and its figures.

import { colourOf } from "./colours.js";
import { drawPeople } from "./skeleton.js";
import { clock, latency, outcomes, peopleWords, rate, share } from "./words.js";

const OLD_MS = 2500; // a picture that is so much older than the newest pose is not shown with it

/** A tile; `on` has the functions choose(name), enlarge(name), seen(name) and changed(). */
export class Tile {
  constructor(name, on) {
    this.name = name;
    this.on = on;
    this.element = document.getElementById("tile").content.firstElementChild.cloneNode(true);
    this.canvas = this.element.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.veil = this.element.querySelector(".veil");
    this.button = this.element.querySelector(".enlarge");
    this.element.dataset.camera = name;
    this.element.querySelector("h3").textContent = name;
    this.element.setAttribute("aria-label", `Camera ${name}`);
    this.picture = null; // what is on the canvas: {bitmap, pose}
    this.pictureMs = -Infinity;
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  #listen() {
    this.element.addEventListener("click", () => this.on.choose(this.name));
    this.button.addEventListener("click", (event) => {
      event.stopPropagation();
      this.on.enlarge(this.name);
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.target !== this.element) return;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.on.choose(this.name);
      }
      if (event.key.toLowerCase() === "e") this.on.enlarge(this.name);
    });
  }

  /** Show a moment: `pose` may be null (nobody has looked at the picture), `image` empty (it has gone already). */
  async show(pose, image) {
    try {
      if (image.length) await this.#showPicture(pose, image);
      else if (performance.now() - this.pictureMs > OLD_MS) this.#put(null, pose);
    } finally {
      this.on.seen(this.name);
    }
  }

  async #showPicture(pose, image) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(new Blob([image]));
    } catch {
      bitmap = null; // not an image that this browser reads: the skeletons are shown alone
    }
    this.pictureMs = bitmap ? performance.now() : this.pictureMs;
    this.#put(bitmap, pose);
  }

  #put(bitmap, pose) {
    this.picture?.bitmap?.close();
    this.picture = { bitmap, pose };
    this.dirty = true;
    this.on.changed();
  }

  /** Draw on the next turn of the page, not more often than the screen can show. */
  drawIfDirty() {
    if (this.dirty) this.draw();
  }

  draw() {
    this.dirty = false;
    if (!this.picture) return;
    const { bitmap, pose } = this.picture;
    const [width, height] = pose?.size ?? [bitmap?.width ?? 16, bitmap?.height ?? 9];
    this.#fit(width, height);
    const { context, canvas } = this;
    if (bitmap) context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    else {
      context.fillStyle = "#12171e";
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    if (pose) drawPeople(context, pose.people, canvas.width / width, (id) => colourOf(this.name, id));
    canvas.dataset.frame = pose?.id ?? "";
    canvas.dataset.picture = String(Boolean(bitmap));
    this.element.classList.remove("blank");
  }

  /** Give the canvas as many pixels as it covers, in the shape of the frame. */
  #fit(width, height) {
    const screen = this.canvas.parentElement;
    screen.style.setProperty("--shape", `${width} / ${height}`);
    const room = Math.min(screen.clientWidth, (screen.clientHeight * width) / height);
    const pixels = Math.max(64, Math.round(Math.min(room * Math.min(2, devicePixelRatio || 1), 1920)));
    if (Math.abs(this.canvas.width - pixels) > 1) {
      this.canvas.width = pixels;
      this.canvas.height = Math.round((pixels * height) / width);
    }
  }

  /** Take in what is known of the camera: the viewer tells it once a second. */
  update(facts, nowMs, problem) {
    const set = (figure, words) => {
      this.element.querySelector(`[data-figure="${figure}"]`).replaceChildren(...words);
    };
    set("rate", rate(facts));
    set("latency", latency(facts));
    set("people", [facts.people === null ? "–" : String(facts.people)]);
    set("outcomes", [outcomes(facts)]);
    this.element.querySelector(".share").replaceChildren(...share(facts));
    this.element.querySelector(".tag").textContent = facts.online && facts.size ? `${facts.size[0]} × ${facts.size[1]}` : "";
    if (!problem) this.#tellState(facts, nowMs);
    this.canvas.setAttribute("aria-label", `${this.name}, ${peopleWords(facts.people)}, ${this.element.dataset.cameraState}`);
  }

  #tellState(facts, nowMs) {
    const [state, words] = stateOf(facts, nowMs);
    this.element.dataset.cameraState = state;
    this.element.classList.toggle("blank", !this.picture);
    this.veil.textContent = words || (this.picture ? "" : "waiting for the first picture");
    this.veil.hidden = !this.veil.textContent;
  }
}

/** What a camera is doing, and what is to be said of it over its picture. */
function stateOf(facts, nowMs) {
  if (facts.trouble) return ["waiting", facts.trouble];
  if (!facts.online) return ["offline", `offline since ${clock(facts.heard_ms, nowMs)}`];
  if (!facts.frames_per_s && facts.watched) return ["waiting", "frames come, poses do not yet"];
  return ["live", ""];
}
