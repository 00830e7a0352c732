// What is seen in space: floor, cameras and people, drawn from far to near.

import { shaded } from "./colours.js";
import { bones3d, isFace, isRight, joints, plate } from "./skeleton.js";

const LIMB_M = 0.055;
const LEVELS = 6; // of the floor's fading
const GRID = "148 168 192";

/** A brush for one picture: the canvas's context, the viewpoint, and the size in canvas pixels. */
export class Brush {
  constructor(context, view) {
    Object.assign(this, { context, view, width: context.canvas.width, height: context.canvas.height });
  }

  at(point) {
    const seen = point[0] === null ? null : this.view.project(point, this.height); // null: a joint nobody knows
    return seen && { ...seen, x: seen.x + this.width / 2, y: seen.y + this.height / 2 };
  }

  line(a, b, style, width) {
    if (!a || !b) return;
    Object.assign(this.context, { strokeStyle: style, lineWidth: width });
    this.context.beginPath();
    this.context.moveTo(a.x, a.y);
    this.context.lineTo(b.x, b.y);
    this.context.stroke();
  }
}

/** A grid of metres around the middle of the view, which fades with the distance. */
export function drawFloor(brush, ratio) {
  const [cx, , cz] = brush.view.target;
  const reach = Math.min(26, Math.max(6, Math.ceil(brush.view.distance * 1.15)));
  const levels = Array.from({ length: LEVELS }, () => new Path2D());
  const segment = (a, b, middle) => {
    const away = Math.hypot(middle[0] - cx, middle[1] - cz) / reach;
    const [from, to] = away < 1 ? [brush.at(a), brush.at(b)] : [null, null];
    if (!from || !to) return;
    const level = levels[Math.min(LEVELS - 1, Math.floor((1 - away) * LEVELS))];
    level.moveTo(from.x, from.y);
    level.lineTo(to.x, to.y);
  };
  const [left, near] = [Math.round(cx) - reach, Math.round(cz) - reach];
  for (let i = 0; i <= 2 * reach; i += 1) {
    for (let j = 0; j < 2 * reach; j += 1) {
      segment([left + i, 0, near + j], [left + i, 0, near + j + 1], [left + i, near + j + 0.5]);
      segment([left + j, 0, near + i], [left + j + 1, 0, near + i], [left + j + 0.5, near + i]);
    }
  }
  brush.context.lineWidth = ratio;
  levels.forEach((path, level) => {
    brush.context.strokeStyle = `rgb(${GRID} / ${(6 + 26 * (level / (LEVELS - 1)) ** 1.3).toFixed(1)}%)`;
    brush.context.stroke(path);
  });
}

/** A camera where it hangs: a small pyramid that looks the way the camera does, its foot on the floor, its name. */
export function drawCamera(brush, place, name, ratio) {
  const { position, axes, field } = place; // axes: the camera's right, down and forward
  const tip = brush.at(position);
  const size = 0.34;
  const rim = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([x, y]) => brush.at(position.map((value, i) =>
    value + size * (axes[2][i] + x * field[0] * axes[0][i] + y * field[1] * axes[1][i]))));
  const style = "rgb(205 216 230 / 62%)";
  rim.forEach((corner, index) => {
    brush.line(tip, corner, style, 1.3 * ratio);
    brush.line(corner, rim[(index + 1) % 4], style, 1.3 * ratio);
  });
  const foot = brush.at([position[0], 0, position[2]]);
  brush.context.setLineDash([3 * ratio, 4 * ratio]);
  brush.line(tip, foot, "rgb(205 216 230 / 25%)", ratio);
  brush.context.setLineDash([]);
  if (!tip) return;
  brush.context.font = `${12 * ratio}px system-ui, "Segoe UI", Roboto, sans-serif`;
  Object.assign(brush.context, { fillStyle: "rgb(205 216 230 / 80%)", textAlign: "center", textBaseline: "bottom" });
  brush.context.fillText(name, tip.x, tip.y - 9 * ratio);
}

/** People, each {joints: (19) points or null, colour, name, trail: points}; shadows and paths first, the nearest last. */
export function drawPeople(brush, people, ratio) {
  brush.context.lineCap = brush.context.lineJoin = "round";
  for (const person of people) drawTrail(brush, person, ratio);
  for (const person of people) drawShadow(brush, person);
  const depth = (person) => brush.at(person.joints[joints.indexOf("neck")])?.depth ?? 0;
  const order = [...people].sort((a, b) => depth(b) - depth(a));
  for (const person of order) drawBody(brush, person);
  for (const person of order) drawName(brush, person);
}

function drawTrail(brush, person, ratio) {
  const { context } = brush;
  const steps = person.trail.map(([x, , z]) => brush.at([x, 0.004, z]));
  context.globalAlpha = 0.5;
  for (let i = 1; i < steps.length; i += 1) {
    context.globalAlpha = 0.55 * (i / steps.length);
    brush.line(steps[i - 1], steps[i], person.colour, 2 * ratio);
  }
  context.globalAlpha = 1;
}

function drawShadow(brush, person) {
  for (const [a, b] of bones3d) {
    if (isFace(b)) continue;
    const [from, to] = [a, b].map((joint) => brush.at([person.joints[joint][0], 0, person.joints[joint][2]]));
    if (from && to) brush.line(from, to, "rgb(4 6 9 / 38%)", LIMB_M * 1.9 * Math.min(from.scale, to.scale));
  }
}

function drawBody(brush, person) {
  const points = person.joints.map((joint) => brush.at(joint));
  const dark = shaded(person.colour, 0.6);
  const bones = bones3d
    .filter(([a, b]) => points[a] && points[b])
    .sort(([a, b], [c, d]) => points[c].depth + points[d].depth - points[a].depth - points[b].depth);
  const width = ([a, b]) => LIMB_M * (isFace(b) ? 0.5 : 1) * ((points[a].scale + points[b].scale) / 2);
  for (const bone of bones) brush.line(points[bone[0]], points[bone[1]], "rgb(9 12 16 / 72%)", width(bone) + Math.max(2, width(bone) * 0.35));
  for (const bone of bones) brush.line(points[bone[0]], points[bone[1]], isRight(bone[1]) ? dark : person.colour, width(bone));
  points.forEach((point, joint) => {
    if (!point) return;
    brush.context.fillStyle = isRight(joint) ? dark : person.colour;
    brush.context.beginPath();
    brush.context.arc(point.x, point.y, LIMB_M * point.scale * (isFace(joint) ? 0.4 : 0.72), 0, 7);
    brush.context.fill();
  });
}

function drawName(brush, person) {
  if (!person.name) return;
  const highest = person.joints.reduce((top, joint) => (joint[1] > top[1] ? joint : top));
  const at = brush.at([highest[0], highest[1] + 0.14, highest[2]]);
  if (at) plate(brush.context, person.name, at.x, at.y, person.colour);
}
