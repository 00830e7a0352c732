// Figures as people read them.

const OUTCOMES = ["posed", "superseded", "stale", "late", "dead"];

const small = (text) => Object.assign(document.createElement("small"), { textContent: text });

export function rate(facts) {
  return [facts.watched && facts.online ? facts.frames_per_s.toFixed(1) : "–"];
}

/** The middle and the 99th percentile of the last seconds. */
export function latency(facts) {
  if (!facts.latency_ms) return ["–"];
  const [middle, high] = facts.latency_ms.map((value) => Math.round(value));
  return [`${middle}`, small(` ms  · p99 ${high}`)];
}

export function outcomes(facts) {
  const total = OUTCOMES.reduce((sum, name) => sum + facts.outcomes[name], 0);
  if (!total) return "no frame yet";
  const percent = (100 * facts.outcomes.posed) / total;
  const others = OUTCOMES.slice(1).filter((name) => facts.outcomes[name]).map((name) => `${grouped(facts.outcomes[name])} ${name}`);
  const posed = `${percent === 100 ? "100" : Math.min(99.9, percent).toFixed(1)} % posed`;
  return [posed, ...others].join(" · ");
}

/** The outcomes as a bar of coloured parts. */
export function share(facts) {
  return OUTCOMES.filter((name) => facts.outcomes[name]).map((name) => {
    const part = document.createElement("i");
    part.className = name;
    part.style.flexGrow = String(facts.outcomes[name]);
    return part;
  });
}

export function peopleWords(count) {
  if (count === null) return "nothing seen yet";
  return count === 1 ? "1 person" : `${count} people`;
}

export const grouped = (number) => number.toLocaleString("en-GB");

/** A moment as a time of day, with the date when it was on another. */
export function clock(ms, nowMs) {
  const [then, now] = [new Date(ms), new Date(nowMs)];
  const time = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return then.toDateString() === now.toDateString() ? time : `${then.toLocaleDateString()} ${time}`;
}
