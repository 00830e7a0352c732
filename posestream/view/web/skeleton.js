// Skeletons over a picture.

import { shaded } from "./colours.js";

const RIM = "rgb(10 12 16 / 80%)";
const RIGHT_SHARE = 0.6;

export let joints = []; // names, in the order of the wire format
let bones2d = [];
export let bones3d = [];
let face = new Set();

/** Take in what the viewer says a person consists of. */
export function learn(skeleton) {
  joints = skeleton.joints;
  bones3d = skeleton.bones;
  bones2d = skeleton.bones_2d;
  face = new Set(["l_eye", "l_ear", "r_eye", "r_ear"].map((name) => joints.indexOf(name)));
}

export const isRight = (joint) => joints[joint].startsWith("r_");
export const isFace = (joint) => face.has(joint);

/** Draw people over a picture that fills the canvas; `scale` is canvas pixels for a pixel of the frame. */
export function drawPeople(context, people, scale, colourOf) {
  context.lineCap = context.lineJoin = "round";
  for (const person of [...people].sort((a, b) => b.depth_m - a.depth_m)) {
    drawPerson(context, person.joints_px, scale, colourOf(person.id), limbWidth(person, scale));
  }
  for (const person of people) if (person.id !== null) drawName(context, person, scale, colourOf(person.id));
}

/** A limb is about as wide as a tenth of the trunk, within bounds. */
function limbWidth(person, scale) {
  const trunk = lengthOf(person.joints_px[joints.indexOf("neck")], person.joints_px[joints.indexOf("l_hip")]);
  return Math.min(7, Math.max(2, (trunk * scale || 30) * 0.075)) * (devicePixelRatio > 1 ? 1.35 : 1);
}

function lengthOf(a, b) {
  return known(a) && known(b) ? Math.hypot(a[0] - b[0], a[1] - b[1]) : NaN;
}

const known = (point) => point !== undefined && point[0] !== null;

function drawPerson(context, points, scale, colour, width) {
  const seen = bones2d.filter(([a, b]) => known(points[a]) && known(points[b]));
  const stroke = ([a, b], style, limb) => {
    context.strokeStyle = style;
    context.lineWidth = limb;
    context.beginPath();
    context.moveTo(points[a][0] * scale, points[a][1] * scale);
    context.lineTo(points[b][0] * scale, points[b][1] * scale);
    context.stroke();
  };
  const thickness = (bone) => (isFace(bone[1]) ? width * 0.6 : width);
  for (const bone of seen) stroke(bone, RIM, thickness(bone) + 2.5); // a rim, so that it stands out from anything
  for (const bone of seen) stroke(bone, isRight(bone[1]) ? shaded(colour, RIGHT_SHARE) : colour, thickness(bone));
  points.forEach((point, joint) => {
    if (!known(point)) return;
    context.fillStyle = isRight(joint) ? shaded(colour, RIGHT_SHARE) : colour;
    context.beginPath();
    context.arc(point[0] * scale, point[1] * scale, width * (isFace(joint) ? 0.45 : 0.8), 0, 7);
    context.fill();
  });
}

function drawName(context, person, scale, colour) {
  const points = person.joints_px.filter(known);
  if (!points.length) return;
  const top = points.reduce((highest, point) => (point[1] < highest[1] ? point : highest));
  plate(context, String(person.id), top[0] * scale, top[1] * scale - 14 * ratio(), colour);
}

const ratio = () => Math.min(2, devicePixelRatio || 1);

/** Write a few characters on a dark plate, its middle at x, its lower rim at y. */
export function plate(context, words, x, y, colour) {
  const size = 13 * ratio();
  context.font = `600 ${size}px system-ui, "Segoe UI", Roboto, sans-serif`;
  const width = context.measureText(words).width + size * 0.9;
  const height = size * 1.45;
  const left = Math.min(Math.max(2, x - width / 2), context.canvas.width - width - 2);
  const top = Math.max(2, y - height);
  context.fillStyle = "rgb(10 12 16 / 82%)";
  context.beginPath();
  context.roundRect(left, top, width, height, height / 2);
  context.fill();
  context.fillStyle = colour;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(words, left + width / 2, top + height / 2 + size * 0.06);
}
