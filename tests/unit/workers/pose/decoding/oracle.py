"""The decoder written a second time: slowly, one step after another, a loop for each sentence on the reference.

It shares nothing with `workers.pose.decoding`, not even a table, and never skips work. Maps are upsampled whole, every
pair of candidates is looked at sample by sample. Its answers are what the fast decoder has to give.

Missing joints are None here; whoever compares turns them into what the decoder under test uses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

UPSAMPLING = 4
STRIDE = 8

# (joint A, joint B, PAF x channel, PAF y channel), joints in OpenPose-18 order
LIMBS = (
    (1, 2, 12, 13),
    (1, 5, 20, 21),
    (2, 3, 14, 15),
    (3, 4, 16, 17),
    (5, 6, 22, 23),
    (6, 7, 24, 25),
    (1, 8, 0, 1),
    (8, 9, 2, 3),
    (9, 10, 4, 5),
    (1, 11, 6, 7),
    (11, 12, 8, 9),
    (12, 13, 10, 11),
    (1, 0, 28, 29),
    (0, 14, 30, 31),
    (14, 16, 34, 35),
    (0, 15, 32, 33),
    (15, 17, 36, 37),
    (2, 16, 18, 19),
    (5, 17, 26, 27),
)

# OpenPose-18 joint -> CMU Panoptic joint, as the reference has it: the face under names that are not its own
PANOPTIC = (1, 0, 9, 10, 11, 3, 4, 5, 12, 13, 14, 6, 7, 8, 15, 16, 17, 18)

# Panoptic joints whose 3D position is read at the same place: that of the first one seen
READ_TOGETHER = ((18, 17, 1), (16, 15, 1), (5, 4, 3), (8, 7, 6), (11, 10, 9), (14, 13, 12))


@dataclass
class Peak:
    id: int
    x: int
    y: int
    score: float


@dataclass
class Person:
    """Peaks by OpenPose-18 joint, None where missing."""

    peaks: list[Peak | None] = field(default_factory=lambda: [None] * 18)
    joints: int = 0
    sum: float = 0.0

    @property
    def score(self) -> float:
        return self.sum * max(0, self.joints - 1)


@dataclass
class LiftedPerson:
    """A person in pixels of the frame and in metres, by Panoptic joint."""

    xy_px: list[tuple[float, float] | None]
    confidence: list[float]
    xyz_m: list[tuple[float, float, float]]
    score: float


def cleaned(maps: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(maps) & (np.abs(maps) < 1e6), maps, np.float32(0))


def upsampled(channel: np.ndarray) -> np.ndarray:
    return cv2.resize(channel, None, fx=UPSAMPLING, fy=UPSAMPLING, interpolation=cv2.INTER_CUBIC)


# --- step 2: peaks


def peaks_of(heatmap: np.ndarray, first_id: int) -> list[Peak]:
    height, width = heatmap.shape

    def value(x: int, y: int) -> float:
        inside = 0 <= x < width and 0 <= y < height
        return heatmap[y, x] if inside and heatmap[y, x] >= np.float32(0.1) else 0.0

    summits = []
    for y, x in np.argwhere(heatmap >= np.float32(0.1)).tolist():
        if all(value(x, y) > value(x + dx, y + dy) for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1))):
            summits.append((x, y))
    summits.sort(key=lambda xy: xy[0])

    kept: list[tuple[int, int]] = []
    for x, y in summits:
        if all(math.hypot(x - kept_x, y - kept_y) >= 3 for kept_x, kept_y in kept):
            kept.append((x, y))
    return [Peak(first_id + i, x, y, float(heatmap[y, x])) for i, (x, y) in enumerate(kept)]


# --- step 4: pairs


def pair_score(a: Peak, b: Peak, paf_x: np.ndarray, paf_y: np.ndarray) -> float | None:
    length = math.hypot(b.x - a.x, b.y - a.y)
    if length == 0:
        return None
    unit_x, unit_y = (b.x - a.x) / length, (b.y - a.y) / length
    total = 0.0
    for n in range(10):
        x = round(a.x + n * (b.x - a.x) / 9)
        y = round(a.y + n * (b.y - a.y) / 9)
        sample = unit_x * float(paf_x[y, x]) + unit_y * float(paf_y[y, x])
        if sample <= 0.05:
            return None
        total += sample
    score = total / 10 + min(64 / length - 1, 0)
    return score if score > 0 else None


def connections(
    candidates_a: list[Peak], candidates_b: list[Peak], paf_x: np.ndarray, paf_y: np.ndarray
) -> list[tuple[Peak, Peak, float]]:
    scored = []
    for a in candidates_a:
        for b in candidates_b:
            score = pair_score(a, b, paf_x, paf_y)
            if score is not None:
                scored.append((a, b, score))
    scored.sort(key=lambda pair: -pair[2])

    used_a: set[int] = set()
    used_b: set[int] = set()
    chosen = []
    for a, b, score in scored:
        if a.id not in used_a and b.id not in used_b:
            used_a.add(a.id)
            used_b.add(b.id)
            chosen.append((a, b, score))
    return chosen


# --- steps 1 to 6: people on the upsampled map


def find_people(heatmaps: np.ndarray, pafs: np.ndarray) -> list[Person]:
    pafs_up = [upsampled(channel) for channel in cleaned(pafs)]
    candidates: list[list[Peak]] = []
    for heatmap in cleaned(heatmaps)[:18]:
        candidates.append(peaks_of(upsampled(heatmap), sum(map(len, candidates))))

    people: list[Person] = []
    for limb, (joint_a, joint_b, channel_x, channel_y) in enumerate(LIMBS):
        of_a, of_b = candidates[joint_a], candidates[joint_b]
        if not of_a or not of_b:
            start_alone(people, joint_a, of_a)
            start_alone(people, joint_b, of_b)
            continue
        for a, b, score in connections(of_a, of_b, pafs_up[channel_x], pafs_up[channel_y]):
            if limb in {17, 18}:
                fill_in(people, joint_a, a, joint_b, b)
            else:
                join(people, joint_a, a, joint_b, b, score)
    return [person for person in people if person.joints >= 3 and person.sum / person.joints >= 0.2]


def start_alone(people: list[Person], joint: int, peaks: list[Peak]) -> None:
    for peak in peaks:
        if not any(person.peaks[joint] is peak for person in people):
            person = Person(joints=1, sum=peak.score)
            person.peaks[joint] = peak
            people.append(person)


def fill_in(people: list[Person], shoulder: int, at_shoulder: Peak, ear: int, at_ear: Peak) -> None:
    for person in people:
        if person.peaks[shoulder] is at_shoulder and person.peaks[ear] is None:
            person.peaks[ear] = at_ear
        elif person.peaks[ear] is at_ear and person.peaks[shoulder] is None:
            person.peaks[shoulder] = at_shoulder


def join(people: list[Person], joint_a: int, a: Peak, joint_b: int, b: Peak, score: float) -> None:
    holders = [person for person in people if person.peaks[joint_a] is a]
    for person in holders:
        person.peaks[joint_b] = b
        person.joints += 1
        person.sum += b.score + score
    if not holders:
        person = Person(joints=2, sum=a.score + b.score + score)
        person.peaks[joint_a] = a
        person.peaks[joint_b] = b
        people.append(person)


# --- steps 7 and 8: into the frame and into space


def decode(
    features: np.ndarray,
    heatmaps: np.ndarray,
    pafs: np.ndarray,
    *,
    scale_xy: tuple[float, float],
    offset_px: tuple[float, float],
    focal_px: tuple[float, float],
    centre_px: tuple[float, float],
) -> list[LiftedPerson]:
    people = []
    for found in find_people(heatmaps, pafs):
        if found.peaks[1] is None:  # no neck
            continue
        peaks: list[Peak | None] = [None] * 19
        for joint, peak in enumerate(found.peaks):
            peaks[PANOPTIC[joint]] = peak

        xy_px: list[tuple[float, float] | None] = []
        for peak in peaks:
            if peak is None:
                xy_px.append(None)
                continue
            network_x, network_y = ((c + 0.5) / UPSAMPLING * STRIDE for c in (peak.x, peak.y))
            xy_px.append((network_x * scale_xy[0] + offset_px[0], network_y * scale_xy[1] + offset_px[1]))

        relative_m = read_3d(cleaned(features), peaks)
        t_x, t_y, t_z = translation_m(relative_m, xy_px, focal_px, centre_px)
        people.append(
            LiftedPerson(
                xy_px=xy_px,
                confidence=[0.0 if peak is None else min(peak.score, 1.0) for peak in peaks],
                xyz_m=[(x + t_x, y + t_y, z + t_z) for x, y, z in relative_m],
                score=found.score,
            )
        )
    return people


def read_3d(features: np.ndarray, peaks: list[Peak | None]) -> list[tuple[float, float, float]]:
    def read(joint: int, at: Peak) -> tuple[float, float, float]:
        x = int((at.x + 0.5) / UPSAMPLING)
        y = int((at.y + 0.5) / UPSAMPLING)
        return tuple(float(features[3 * joint + axis, y, x]) * 1.80 for axis in range(3))

    neck = peaks[0]
    assert neck is not None
    positions = [read(joint, neck) for joint in range(19)]
    for group in READ_TOGETHER:
        seen = [peaks[joint] for joint in group if peaks[joint] is not None and peaks[joint].score > np.float32(0.1)]
        for joint in group:
            if seen:
                positions[joint] = read(joint, seen[0])
    return positions


def translation_m(
    relative_m: list[tuple[float, float, float]],
    xy_px: list[tuple[float, float] | None],
    focal_px: tuple[float, float],
    centre_px: tuple[float, float],
) -> tuple[float, float, float]:
    seen = [joint for joint in range(19) if xy_px[joint] is not None]
    # On the plane one metre in front of the camera; dividing by the focal length is all that two of them change.
    rays = np.array([[(xy_px[j][k] - centre_px[k]) / focal_px[k] for k in range(2)] for j in seen])
    body = np.array([relative_m[j][:2] for j in seen])
    mean_ray, mean_body = rays.mean(axis=0), body.mean(axis=0)
    depth = np.linalg.norm(body - mean_body) / np.linalg.norm(rays - mean_ray)
    return depth * mean_ray[0] - mean_body[0], depth * mean_ray[1] - mean_body[1], depth
