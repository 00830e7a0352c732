// A viewpoint that turns around a target. Coordinates are metres: right, up, forward; the floor is at up = 0.

const NEAREST_M = 0.15;
export const FOCAL = 1.25; // times the view's height

const LOWEST = -0.12; // radians; a little below the floor is as far as it goes
const HIGHEST = Math.PI / 2;

export class Viewpoint {
  constructor(target, distance, azimuth, elevation) {
    this.target = target;
    this.distance = Math.min(80, Math.max(0.6, distance));
    this.azimuth = azimuth;
    this.elevation = Math.min(HIGHEST, Math.max(LOWEST, elevation));
    const [sin, cos] = [Math.sin(azimuth), Math.cos(azimuth)];
    const [rise, level] = [Math.sin(this.elevation), Math.cos(this.elevation)];
    this.right = [cos, 0, -sin];
    this.forward = [level * sin, -rise, level * cos];
    this.up = [rise * sin, level, rise * cos];
    this.eye = this.target.map((value, axis) => value - this.distance * this.forward[axis]);
  }

  turned(azimuth, elevation) {
    return new Viewpoint(this.target, this.distance, this.azimuth + azimuth, this.elevation + elevation);
  }

  nearer(factor) {
    return new Viewpoint(this.target, this.distance / factor, this.azimuth, this.elevation);
  }

  /** Moved by pixels of a view of that height, along the screen's axes. */
  moved(x, y, height) {
    const metres = this.distance / (FOCAL * height);
    const target = this.target.map((value, axis) => value - (x * this.right[axis] - y * this.up[axis]) * metres);
    return new Viewpoint(target, this.distance, this.azimuth, this.elevation);
  }

  /** Between this viewpoint and another; `share` from 0 to 1. */
  towards(other, share) {
    const mix = (a, b) => a + (b - a) * share;
    const turn = Math.atan2(Math.sin(other.azimuth - this.azimuth), Math.cos(other.azimuth - this.azimuth));
    return new Viewpoint(
      this.target.map((value, axis) => mix(value, other.target[axis])),
      mix(this.distance, other.distance), this.azimuth + turn * share, mix(this.elevation, other.elevation),
    );
  }

  /** Where a point is: [x, y] in pixels from the view's middle for a view of that height, and pixels per metre; null behind us. */
  project(point, height) {
    const [x, y, z] = [point[0] - this.eye[0], point[1] - this.eye[1], point[2] - this.eye[2]];
    const depth = x * this.forward[0] + y * this.forward[1] + z * this.forward[2];
    if (!(depth > NEAREST_M)) return null;
    const scale = (FOCAL * height) / depth;
    return {
      x: (x * this.right[0] + y * this.right[1] + z * this.right[2]) * scale,
      y: -(x * this.up[0] + y * this.up[1] + z * this.up[2]) * scale,
      scale,
      depth,
    };
  }
}

/** The viewpoint, from beside and above, from which all these points fill a view of this size. */
export function fitted(points, width, height) {
  const [azimuth, elevation] = width > height * 1.2 ? [-0.5, 0.3] : [-0.32, 0.42]; // a narrow view takes in more depth
  const middle = [0, 1, 2].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  let view = new Viewpoint(middle, 1.5, azimuth, elevation);
  for (; view.distance < 60; view = view.nearer(1 / 1.03)) {
    const seen = points.map((point) => view.project(point, height));
    if (!seen.every(Boolean)) continue;
    const [left, right] = [Math.min(...seen.map(({ x }) => x)), Math.max(...seen.map(({ x }) => x))];
    const [top, bottom] = [Math.min(...seen.map(({ y }) => y)), Math.max(...seen.map(({ y }) => y))];
    view = view.moved(-(left + right) / 2, -(top + bottom) / 2, height); // what is seen moves into the middle
    if (right - left < width * 0.9 && bottom - top < height * 0.8) return view;
  }
  return view;
}
