// The view in space: who is in it, and how it is turned, by mouse, finger and key.

import { colourOf } from "./colours.js";
import { fitted, Viewpoint } from "./projection.js";
import { Brush, drawCamera, drawFloor, drawPeople } from "./scene.js";
import { joints } from "./skeleton.js";

export const WORLD = "\u0000world"; // no camera can be called that
const FORGET_MS = 1500; // a person not told of for so long is not there
const TRAIL_MS = 3000;
const GLIDE_MS = 350;
const CAMERAS_WORTH = 1.3; // times as far from the people
const STEP_RAD = Math.PI / 24;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const placeOf = (person) => person.stage_m[joints.indexOf("pelvis")];

export class Space {
  constructor(onSource) {
    this.canvas = document.getElementById("space-canvas");
    this.context = this.canvas.getContext("2d");
    this.floor = document.createElement("canvas");
    this.select = document.getElementById("space-source");
    this.note = document.getElementById("space-note");
    this.list = document.getElementById("people");
    this.cameras = new Map(); // name: {pose, atMs, trails}
    this.source = null;
    this.view = new Viewpoint([0, 0.85, 4], 8, -0.42, 0.34);
    this.picked = false; // by somebody: until then it is the world, where there is one
    this.home = true; // the view follows the people until somebody turns it
    this.pointers = new Map();
    this.select.addEventListener("change", () => onSource(this.select.value));
    this.#listen();
    new ResizeObserver(() => this.#resize()).observe(this.canvas);
  }

  // Who is there -------------------------------------------------------------------------------------------------------

  /** Take in a camera's people. */
  show(camera, pose) {
    const now = performance.now();
    const known = this.cameras.get(camera) ?? { trails: new Map() };
    if (known.pose && known.pose.world !== pose.world) known.trails.clear();
    const people = pose.people.filter((person) => placeOf(person)[0] !== null);
    for (const person of people) {
      if (person.id === null) continue;
      const trail = known.trails.get(person.id) ?? [];
      trail.push([now, placeOf(person)]);
      known.trails.set(person.id, trail.filter(([atMs]) => now - atMs < TRAIL_MS));
    }
    for (const [id, trail] of known.trails) if (now - trail.at(-1)[0] > TRAIL_MS) known.trails.delete(id);
    this.cameras.set(camera, { ...known, pose: { ...pose, people }, atMs: now });
    if (this.#shown(camera)) this.dirty = true;
  }

  /** Show another camera's people, or everybody in the world. */
  choose(source) {
    if (source === this.source) return;
    this.source = source;
    this.goHome();
  }

  /** Offer these cameras; `worldly` are those whose place in the world is known. */
  offer(names, worldly) {
    const options = [...(worldly.length ? [[WORLD, "the world"]] : []), ...names.map((name) => [name, name])];
    const wanted = JSON.stringify(options);
    if (wanted !== this.offered) {
      this.offered = wanted;
      this.select.replaceChildren(...options.map(([value, words]) => new Option(words, value)));
    }
    this.worldly = new Set(worldly);
    const there = options.some(([value]) => value === this.source);
    if (!this.picked || !there) this.choose(options[0]?.[0] ?? null);
    this.select.value = this.source ?? "";
  }

  /** Whether it is being turned, by a hand or by itself: then it is drawn as often as the screen can. */
  get moving() {
    return Boolean(this.glide) || this.pointers.size > 0;
  }

  /** The cameras whose people are shown. */
  get sources() {
    if (this.source === null) return [];
    return this.source === WORLD ? [...this.worldly] : [this.source];
  }

  #shown(camera) {
    return this.source === WORLD ? this.worldly?.has(camera) : camera === this.source;
  }

  #present() {
    const now = performance.now();
    return [...this.cameras].filter(([name, seen]) => this.#shown(name) && now - seen.atMs < FORGET_MS);
  }

  #people() {
    const several = this.sources.length > 1;
    return this.#present().flatMap(([camera, { pose, trails }]) => pose.people.map((person) => ({
      joints: person.stage_m,
      colour: colourOf(camera, person.id),
      name: person.id === null ? "" : String(person.id),
      where: placeOf(person),
      camera: several ? camera : "",
      trail: (trails.get(person.id) ?? []).map(([, place]) => place),
    })));
  }

  /** Say who is there below the view, and once a second is enough. */
  tell() {
    const people = this.#people().sort((a, b) => `${a.camera} ${a.name}`.localeCompare(`${b.camera} ${b.name}`, "en", { numeric: true }));
    const items = people.map((person) => {
      const item = document.createElement("li");
      const dot = document.createElement("i");
      dot.style.background = person.colour;
      const place = document.createElement("span");
      place.textContent = `${person.where[0].toFixed(1)}, ${person.where[2].toFixed(1)} m`;
      item.append(dot, [person.camera, person.name || "not tracked"].filter(Boolean).join(" "), place);
      return item;
    });
    if (!items.length) items.push(Object.assign(document.createElement("li"), { className: "nobody", textContent: "nobody in view" }));
    this.list.replaceChildren(...items);
    const assumed = this.#present().some(([, { pose }]) => !pose.calibrated);
    this.note.textContent = this.source === WORLD || !assumed ? "" : "distances assume an ordinary lens: the camera is not calibrated";
    this.canvas.dataset.people = String(people.length);
    this.dirty = true;
  }

  // Drawing ------------------------------------------------------------------------------------------------------------

  drawIfDirty(now) {
    if (this.glide) this.#glideOn(now);
    if (this.dirty && this.canvas.width && this.canvas.clientWidth) this.#draw();
  }

  #draw() {
    this.dirty = false;
    if (this.home && !this.glide) this.#follow();
    const { context, canvas } = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.#floor(), 0, 0);
    const brush = new Brush(context, this.view);
    for (const [name, { pose }] of this.#present()) if (pose.place) drawCamera(brush, pose.place, name, this.ratio);
    drawPeople(brush, this.#people(), this.ratio);
    canvas.dataset.azimuth = this.view.azimuth.toFixed(3);
    canvas.dataset.distance = this.view.distance.toFixed(3);
  }

  /** The floor as it is seen from here, drawn anew when that has changed: it is most of the lines there are. */
  #floor() {
    const { width, height } = this.canvas;
    if (this.floorView !== this.view || this.floor.width !== width || this.floor.height !== height) {
      Object.assign(this.floor, { width, height }); // which clears it
      drawFloor(new Brush(this.floor.getContext("2d"), this.view), this.ratio);
      this.floorView = this.view;
    }
    return this.floor;
  }

  #resize() {
    this.ratio = Math.min(2, devicePixelRatio || 1);
    this.canvas.width = Math.round(this.canvas.clientWidth * this.ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * this.ratio);
    this.extent = null;
    this.dirty = true;
  }

  /** The part of the floor that people take up, in half metres: low and high [right, forward]. */
  #extent() {
    const places = this.#present().flatMap(([, { pose }]) => pose.people.map(placeOf));
    if (!places.length) return null;
    const low = [0, 2].map((axis) => Math.floor(2 * Math.min(...places.map((place) => place[axis])) - 1) / 2);
    const high = [0, 2].map((axis) => Math.ceil(2 * Math.max(...places.map((place) => place[axis])) + 1) / 2);
    return [low.map((value, i) => Math.max(value, high[i] - 14)), high];
  }

  #follow() {
    const extent = this.#extent();
    if (!extent) return;
    const [low, high] = this.extent ?? extent;
    const grown = [low.map((value, i) => Math.min(value, extent[0][i])), high.map((value, i) => Math.max(value, extent[1][i]))];
    if (JSON.stringify(grown) === JSON.stringify(this.extent)) return;
    const first = !this.extent;
    this.extent = grown;
    const [[left, near], [right, far]] = grown;
    const box = [0, 1.9].flatMap((up) => [left, right].flatMap((x) => [near, far].map((z) => [x, up, z])));
    const cameras = this.#present().flatMap(([, { pose }]) => (pose.place ? [pose.place.position] : []));
    const { width, height } = this.canvas;
    const [close, wide] = [fitted(box, width, height), fitted([...box, ...cameras], width, height)];
    // Cameras are in the picture, too, unless people would be much smaller for it.
    const view = wide.distance < CAMERAS_WORTH * close.distance ? wide : close.nearer(1 / CAMERAS_WORTH);
    if (first) this.view = view;
    else this.#glideTo(view);
  }

  // Moving -------------------------------------------------------------------------------------------------------------

  goHome() {
    this.home = true;
    this.extent = null;
    this.glide = null;
    this.dirty = true;
  }

  goTop() {
    this.#leaveHome();
    const { target, distance } = this.view;
    this.#glideTo(new Viewpoint(target, distance, 0, Math.PI / 2));
  }

  /** See it as the first of the cameras does. */
  goToCamera() {
    const place = this.#present()[0]?.[1].pose.place;
    if (!place) return;
    this.#leaveHome();
    const [x, y, z] = place.axes[2];
    const reach = 4;
    const target = place.position.map((value, axis) => value + reach * place.axes[2][axis]);
    this.#glideTo(new Viewpoint(target, reach, Math.atan2(x, z), Math.asin(Math.max(-1, Math.min(1, -y)))));
  }

  #leaveHome() {
    this.home = false;
    this.glide = null;
  }

  #glideTo(view) {
    if (calm.matches) this.view = view;
    else this.glide = { from: this.view, to: view, beganMs: performance.now() };
    this.dirty = true;
  }

  #glideOn(now) {
    const share = Math.min(1, Math.max(0, (now - this.glide.beganMs) / GLIDE_MS));
    this.view = this.glide.from.towards(this.glide.to, share * share * (3 - 2 * share));
    if (share === 1) this.glide = null;
    this.dirty = true;
  }

  #set(view) {
    this.#leaveHome();
    this.view = view;
    this.dirty = true;
  }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    for (const ending of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(ending, (event) => this.pointers.delete(event.pointerId));
    }
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#set(this.view.nearer(Math.exp(-event.deltaY * (event.deltaMode ? 0.04 : 0.0015))));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => this.goHome());
    canvas.addEventListener("keydown", (event) => this.#key(event));
    document.getElementById("view-home").addEventListener("click", () => this.goHome());
    document.getElementById("view-top").addEventListener("click", () => this.goTop());
    document.getElementById("view-camera").addEventListener("click", () => this.goToCamera());
  }

  #drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const [x, y] = [event.clientX - before[0], event.clientY - before[1]];
    const height = this.canvas.clientHeight;
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (others.length) {
      const [other] = others;
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1;
      this.#set(this.view.moved(x / 2, y / 2, height).nearer(apart([event.clientX, event.clientY]) / apart(before)));
    } else if (event.shiftKey || event.buttons > 1) this.#set(this.view.moved(x, y, height));
    else this.#set(this.view.turned((x / height) * 3.2, (y / height) * 2.4));
  }

  #key(event) {
    const [x, y] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
    const actions = { "+": 1.2, "=": 1.2, "-": 1 / 1.2 };
    const places = { home: () => this.goHome(), t: () => this.goTop(), c: () => this.goToCamera() };
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (x || y) this.#set(event.shiftKey ? this.view.moved(x * 40, y * 40, this.canvas.clientHeight) : this.view.turned(-x * STEP_RAD, y * STEP_RAD));
    else if (actions[event.key]) this.#set(this.view.nearer(actions[event.key]));
    else if (places[key]) places[key]();
    else return;
    event.preventDefault();
  }
}
