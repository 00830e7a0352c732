// The page: one connection, a tile for every camera, the view in space, and what is to be said.

import { Link } from "./link.js";
import { learn } from "./skeleton.js";
import { Space } from "./space.js";
import { Tile } from "./tile.js";
import { grouped } from "./words.js";

const element = (id) => document.getElementById(id);
const tiles = new Map();
const visible = new Set();
let chosen = null;
let large = null;
let status = null;
let watched = "";

const space = new Space(pick);
const address = new URL("api/live", location.href);
address.protocol = address.protocol.replace("http", "ws");

const link = new Link(address, {
  status(message) {
    if (message.type === "hello") learn(message);
    else tell(message);
  },
  moment(header, image) {
    const tile = tiles.get(header.camera);
    if (header.pose) space.show(header.camera, header.pose);
    if (tile && header.pictures) tile.show(header.pose, image);
    else link.send({ seen: header.camera });
    turn();
  },
  up() {
    watched = "";
    setState("starting", "connecting");
  },
  down() {
    setState("lost", "connection lost");
    tellNotices();
  },
});

// Cameras ------------------------------------------------------------------------------------------------------------

const onScreen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) visible.add(target.dataset.camera);
    else visible.delete(target.dataset.camera);
  }
  watch();
}, { rootMargin: "80px" });

function tell(message) {
  status = message;
  const names = message.cameras.map((camera) => camera.name);
  arrange(names);
  for (const camera of message.cameras) tiles.get(camera.name).update(camera, message.now_ms, message.problem);
  space.offer(names, message.cameras.filter((camera) => camera.in_world).map((camera) => camera.name));
  choose(space.source);
  space.tell();
  setState(message.problem ? "lost" : "live", message.problem ? "server away" : "live");
  tellTotals();
  tellNotices();
  watch();
}

function arrange(names) {
  const grid = element("cameras");
  for (const [name, tile] of tiles) {
    if (names.includes(name)) continue;
    onScreen.unobserve(tile.element);
    tile.element.remove();
    tiles.delete(name);
    visible.delete(name);
  }
  names.forEach((name, index) => {
    if (!tiles.has(name)) {
      const tile = new Tile(name, { choose: pick, enlarge, seen: (camera) => link.send({ seen: camera }), changed: turn });
      tiles.set(name, tile);
      onScreen.observe(tile.element);
    }
    const { element: tile } = tiles.get(name);
    if (grid.children[index] !== tile) grid.insertBefore(tile, grid.children[index] ?? null);
  });
  document.body.dataset.count = String(names.length);
}

function pick(source) {
  space.picked = true;
  choose(source);
}

function choose(source) {
  space.choose(source);
  space.select.value = source ?? "";
  chosen = source;
  for (const [name, tile] of tiles) tile.element.classList.toggle("chosen", tiles.size > 1 && name === chosen);
  watch();
}

function enlarge(name) {
  large = large === name ? null : name;
  for (const [camera, tile] of tiles) {
    tile.element.classList.toggle("large", camera === large);
    tile.button.setAttribute("aria-pressed", String(camera === large));
  }
  tiles.get(name).element.scrollIntoView({ block: "nearest" });
}

/** Say which cameras are looked at: with pictures those in view, and without those that are seen in space alone. */
function watch() {
  const wanted = {};
  if (!document.hidden) {
    for (const name of space.sources) wanted[name] = false;
    for (const name of visible) wanted[name] = true;
  }
  const text = JSON.stringify(Object.entries(wanted).sort());
  if (text === watched) return;
  watched = text;
  link.send({ watch: wanted });
}
document.addEventListener("visibilitychange", watch);

// What is to be said -------------------------------------------------------------------------------------------------

function setState(state, words) {
  document.body.dataset.state = state;
  if (element("state-text").textContent !== words) element("state-text").textContent = words;
}

function tellTotals() {
  const live = status.cameras.filter((camera) => camera.online);
  const sum = (figure) => status.cameras.reduce((total, camera) => total + (camera[figure] ?? 0), 0);
  const parts = [
    [`${live.length}${live.length < status.cameras.length ? ` of ${status.cameras.length}` : ""}`, status.cameras.length === 1 ? "camera" : "cameras"],
    [String(sum("people")), sum("people") === 1 ? "person" : "people"],
    [sum("frames_per_s").toFixed(0), "frames/s"],
    [grouped(status.workers), status.workers === 1 ? "worker slot" : "worker slots"],
  ];
  element("totals").replaceChildren(...(status.cameras.length ? parts : []).map(([number, words]) => {
    const part = document.createElement("span");
    part.append(Object.assign(document.createElement("b"), { textContent: number }), ` ${words}`);
    return part;
  }));
}

/** Every notice as [words, command or null, button or null, bad]. */
function notices() {
  if (link.down) {
    const words = "No connection to the viewer; this page comes back by itself when there is one.";
    return [[words, null, ["Try now", () => link.retry()], false]];
  }
  if (!status) return [];
  if (status.problem) return status.cameras.length ? [[`${status.problem}. Trying again.`, null, null, true]] : [];
  const found = [];
  if (status.cameras.some((camera) => camera.online)) {
    if (!status.workers) found.push(["No pose worker is running, so nobody looks at the frames. Start one:", "python -m workers pose", null, false]);
    if (!status.tracker) found.push(["No tracker is running, so no poses are published. Start one:", "python -m workers track", null, false]);
  }
  return found;
}

function tellNotices() {
  const found = notices();
  const text = JSON.stringify(found);
  if (element("notices").dataset.text !== text) {
    element("notices").dataset.text = text;
    element("notices").replaceChildren(...found.map(noticeElement));
  }
  const nothing = !status?.cameras.length;
  document.body.classList.toggle("nothing", nothing);
  element("empty").hidden = !nothing || !status;
  if (nothing && status) tellNothing();
}

function tellNothing() {
  const { problem, server } = status;
  const [title, text] = problem
    ? ["Waiting for the server", `${problem}: ${server}. This page goes on by itself as soon as it can.`]
    : ["No cameras yet", `None has sent a frame to ${server} yet. As soon as one does it appears here by itself. Start one:`];
  if (element("empty-title").textContent !== title) element("empty-title").textContent = title;
  if (element("empty-text").textContent !== text) element("empty-text").textContent = text;
  element("empty-help").hidden = Boolean(problem);
}

function noticeElement([words, command, button, bad]) {
  const notice = document.createElement("p");
  notice.className = bad ? "notice bad" : "notice";
  notice.append(Object.assign(document.createElement("span"), { textContent: words }));
  if (command) notice.append(Object.assign(document.createElement("code"), { textContent: command }));
  if (button) {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: button[0] });
    made.addEventListener("click", button[1]);
    notice.append(made);
  }
  return notice;
}

for (const button of document.querySelectorAll(".tabs button")) {
  button.addEventListener("click", () => {
    document.body.dataset.tab = button.dataset.tab;
    for (const each of document.querySelectorAll(".tabs button")) each.setAttribute("aria-pressed", String(each === button));
  });
}

// One turn for everything that is to be drawn ------------------------------------------------------------------------

const TURN_MS = 30; // cameras give no more; a screen that shows twice as many pictures need not be drawn twice as often
let asked = false;
let turnedMs = 0;

function turn() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(draw);
}

function draw(now) {
  if (now - turnedMs < TURN_MS && !space.moving) {
    requestAnimationFrame(draw);
    return;
  }
  asked = false;
  turnedMs = now;
  for (const tile of tiles.values()) tile.drawIfDirty();
  space.drawIfDirty(now);
  if (space.moving) turn();
}

for (const event of ["pointermove", "wheel", "keydown", "click", "resize", "dblclick"]) addEventListener(event, turn);
setInterval(turn, 500);
