// A colour for every person, the same as long as the camera calls them by the same id.

export const PALETTE = [
  "#4cc9f0", "#ffb454", "#7ee787", "#ff7eb6", "#b79bff", "#ffe066", "#ff8a73", "#6f9bff", "#c6e35a", "#f4d2b8",
];

/** The colour of a person; two cameras begin at different colours, as their ids mean different people. */
export function colourOf(camera, id) {
  return id === null ? "#c4cdd8" : PALETTE[(id + offsetOf(camera)) % PALETTE.length];
}

/** A colour darkened to this share of its brightness, as `rgb(…)`. */
export function shaded(colour, share) {
  const value = parseInt(colour.slice(1), 16);
  const [red, green, blue] = [value >> 16, (value >> 8) & 255, value & 255].map((part) => Math.round(part * share));
  return `rgb(${red} ${green} ${blue})`;
}

function offsetOf(name) {
  let hash = 2166136261;
  for (const letter of name) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
  return (hash >>> 0) % PALETTE.length;
}
