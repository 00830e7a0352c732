"""Whatever is done in whatever order: no frame is lost or counted twice, and nothing drifts or leaks.

A random sequence of everything that producers, workers, trackers and operators do, also at the wrong time and twice,
with the books checked after every step. The seed of a run tells the whole run.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

import redis

from posestream.broker import Admission, CameraRelease, Mismatch, Record, ReleasedRecord, Shard, Token
from posestream.keys import WORK_GROUP, FrameId, ShardKeys
from posestream.messages import Outcome
from tests.contract.roles import LIVE, LOSSLESS, Roles

REQUESTS = {
    "door": replace(LIVE, camera="door", depth=1),
    "hall": replace(LIVE, camera="hall", depth=3),
    "file": replace(LOSSLESS, camera="file", depth=3),
    "film": replace(LOSSLESS, camera="film", depth=5),
}
WORKERS = ("a", "b", "c")
STEPS = 250
MAX_DELIVERIES = 3
MAX_DEAD_BYTES = 20_000


class Books:
    """Does one random thing after another, and keeps its own books beside the server's."""

    def __init__(self, roles: Roles, seed: int) -> None:
        self.roles = roles
        self.happened: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._epoch = roles.lead()
        self._tokens: list[tuple[str, Token]] = []  # every one ever handed out, with whom it was handed to
        self._admitted: dict[str, int] = defaultdict(int)
        self._position: dict[str, int] = defaultdict(int)
        self._published: dict[str, list[FrameId]] = defaultdict(list)
        roles.operations.set_limits({"max_records": 16, "max_bytes": 80_000, "max_dead_bytes": MAX_DEAD_BYTES})

    def steps(self, count: int) -> Iterator[str]:
        """Take so many steps; yields what each was, after it was taken."""
        weights = {
            self.admit: 30,
            self.admit_again: 4,
            self.admit_as_somebody_else: 2,
            self.admit_with_a_gap: 2,
            self.take: 25,
            self.reclaim: 5,
            self.finish: 20,
            self.finish_something_old: 3,
            self.release: 4,
            self.heartbeat: 3,
            self.retire_everybody: 1,
            self.lose_the_group: 1,
            self.publish: 12,
            self.publish_wrongly: 4,
            self.change_the_leader: 1,
            self.remove: 1,
        }
        for step in self._random.choices(list(weights), list(weights.values()), k=count):
            step()
            yield step.__name__

    # Producers

    def admit(self) -> None:
        camera = self._camera()
        size = self._random.choice([10, 3000, 20_000])
        depth = self._random.randint(1, 5)
        if self._random.random() < 0.1:  # left behind by a producer that died before it could admit it
            self.roles.client.xadd(self.roles.keys.frames(camera), {"image": b"x" * size}, id=str(self.roles.next_id()))
        in_hand = self.roles.owners()
        answer = self.roles.offer(self._position[camera], replace(REQUESTS[camera], depth=depth), image=b"x" * size)
        assert self.roles.owners() == in_hand
        if isinstance(answer, Admission):
            self._admitted[camera] += 1
            self._position[camera] += 1
            assert (answer.seq, answer.repeated) == (self._admitted[camera], False)
        else:
            assert answer.reason in {"full", "backlog"}
            self.happened[f"{answer.reason} {answer.detail if answer.reason == 'backlog' else ''}".strip()] += 1

    def admit_again(self) -> None:
        camera = self._camera()
        if self._position[camera]:
            last = FrameId.parse(self.roles.state(camera)["last_id"])
            frame_id = self._random.choice([last, None])
            answer = self.roles.offer(
                self._position[camera] - 1, REQUESTS[camera], frame_id=frame_id, image=b"y" * 4000
            )
            assert isinstance(answer, Admission)
            assert (answer.repeated, answer.id) == (True, last)

    def admit_as_somebody_else(self) -> None:
        camera = self._camera()
        if self._position[camera]:
            last = FrameId.parse(self.roles.state(camera)["last_id"])
            somebody = replace(REQUESTS[camera], holder="somebody else", run="theirs")
            assert self.roles.refused(0, somebody, frame_id=self._random.choice([last, None])).reason == "held"

    def admit_with_a_gap(self) -> None:
        camera = self._random.choice(["file", "film"])
        refusal = self.roles.refused(self._position[camera] + 3, REQUESTS[camera])
        assert (refusal.reason, refusal.detail) == ("gap", str(self._position[camera]))

    # Workers

    def take(self) -> None:
        worker = self._random.choice(WORKERS)
        if token := self.roles.worker(worker).take(block_ms=1):
            self._tokens.append((worker, self.roles.worker(worker).load(token)[0]))

    def reclaim(self) -> None:
        worker = self._random.choice(WORKERS)
        idle_ms = self._random.choice([0, 60_000])  # 0: everybody counts as silent
        if token := self.roles.worker(worker).reclaim(idle_ms, MAX_DELIVERIES):
            self._tokens.append((worker, token))
            self.happened["reclaimed"] += 1

    def finish(self) -> None:
        owners = self.roles.owners()
        held = [(worker, token) for worker, token in self._tokens if owners.get(token.id) == worker]
        if held:
            self._finish(*self._random.choice(held))

    def finish_something_old(self) -> None:
        if self._tokens:
            self._finish(*self._random.choice(self._tokens))

    def _finish(self, name: str, token: Token) -> None:
        worker, outcome = self.roles.worker(name), self._random.choices([*Outcome], [6, 0, 1, 0, 1])[0]
        still_its_own = self.roles.owners().get(token.id) == name
        assert worker.finish(token, outcome, str(token.frame_id)) is still_its_own
        assert worker.finish(token, outcome, b"again") is False

    def release(self) -> None:
        if self._tokens:
            worker, token = self._random.choice(self._tokens[-5:])
            error = self._random.choice([None, "broke"])
            self.roles.worker(worker).release(token, MAX_DELIVERIES, error)

    def heartbeat(self) -> None:
        if self._tokens:
            worker, token = self._random.choice(self._tokens[-5:])
            still_its_own = self.roles.owners().get(token.id) == worker
            assert self.roles.worker(worker).heartbeat([token]) == ({token.id} if still_its_own else set())

    def retire_everybody(self) -> None:
        in_hand = self.roles.owners()
        self.roles.worker().retire_absent(0)
        assert self.roles.owners() == in_hand

    def lose_the_group(self) -> None:
        self.roles.client.xgroup_destroy(self.roles.keys.work, WORK_GROUP)
        self.roles.shard.ensure_group()

    # The tracker

    def publish(self) -> None:
        releases = self._releases(impatient=self._random.random() < 0.3)
        counted = self.roles.results.publish(self._epoch, 1000, releases)
        assert counted == sum(len(release.records) for release in releases)
        for release in releases:
            self.happened.update(f"published {one.outcome}" for one in release.records)
            self._published[release.camera] += [
                one.record.frame_id for one in release.records if one.outcome is Outcome.POSED
            ]
        if releases and self._random.random() < 0.3:
            moved = [release for release in releases if release.released != release.believed]
            expected = Mismatch("released", f"{moved[0].camera} {moved[0].released}") if moved else 0
            assert self.roles.results.publish(self._epoch, 1000, releases) == expected

    def publish_wrongly(self) -> None:
        releases = self._releases(impatient=False)
        if not releases:
            return
        before = self.roles.snapshot()
        wrong = replace(releases[-1], believed=releases[-1].believed + 1)
        for epoch, attempted in ((self._epoch - 1, releases), (self._epoch, [*releases[:-1], wrong])):
            assert isinstance(self.roles.results.publish(epoch, 1000, attempted), Mismatch)
        assert self.roles.snapshot() == before
        self.happened["published wrongly"] += 1

    def _releases(self, *, impatient: bool) -> list[CameraRelease]:
        by_camera: dict[str, list[Record]] = defaultdict(list)
        for record in self.roles.records():
            by_camera[record.camera].append(record)
        releases = [self._release(camera, records, impatient) for camera, records in sorted(by_camera.items())]
        return [release for release in releases if release.records]

    def _release(self, camera: str, records: list[Record], impatient: bool) -> CameraRelease:
        """In seq order; what is missing is waited for, unless impatient with a live camera: then it comes late."""
        believed = self.roles.results.progress([camera])[camera].released
        released, out = believed, []
        for record in sorted(records, key=lambda one: one.seq):
            if record.seq <= believed:
                late = Outcome.LATE if record.outcome is Outcome.POSED else record.outcome
                out.append(ReleasedRecord(record, late, b""))
            elif record.seq == released + 1 or (impatient and REQUESTS[camera].policy is LIVE.policy):
                out.append(ReleasedRecord(record, record.outcome, record.data))
                released = record.seq
        return CameraRelease(camera, believed, released, b"state", out)

    def change_the_leader(self) -> None:
        self.roles.results.lead("tracker", 0)
        self.roles.lead("another")
        self.roles.results.lead("another", 0)
        epoch = self.roles.lead()
        assert epoch > self._epoch
        self._epoch = epoch

    # The operator

    def remove(self) -> None:
        camera = self._camera()
        self.roles.operations.remove(camera, force=True)
        assert not [key for key in self.roles.snapshot() if key.endswith(b":" + camera.encode())]
        for books in (self._admitted, self._position, self._published):
            books.pop(camera, None)

    # What always holds

    def check(self) -> None:
        status = self.roles.operations.status()
        assert set(status.cameras) == {camera for camera, count in self._admitted.items() if count}
        for camera, one in status.cameras.items():
            assert one.conserved, one
            assert one.admitted == self._admitted[camera]
            assert one.outcomes[Outcome.POSED] == len(self._published[camera])
        assert status.work == sum(one.tokens for one in status.cameras.values())
        assert status.results == sum(one.records for one in status.cameras.values())
        assert status.bytes == self.roles.measured_bytes()
        assert (self.roles.client.memory_usage(self.roles.keys.dead, samples=0) or 0) <= MAX_DEAD_BYTES
        for camera in status.cameras:
            self._check_tokens(camera)
            self._check_poses(camera)

    def _check_tokens(self, camera: str) -> None:
        tokens = [
            FrameId.parse(token) for token in self.roles.client.zrange(self.roles.keys._key(f"tokens:{camera}"), 0, -1)
        ]
        work = self.roles.client.xrange(self.roles.keys.work)
        own = {token.decode(): fields[b"id"] for token, fields in work if fields[b"camera"] == camera.encode()}
        moved = {name[6:]: value for name, value in self.roles.state(camera).items() if name.startswith("frame:")}
        assert moved.keys() <= own.keys()
        self.happened["moved up"] += len(moved)
        assert [FrameId.parse(moved[one].split()[0] if one in moved else own[one]) for one in own] == tokens
        assert set(tokens) <= set(self.roles.frame_ids(camera))  # the others were left behind, and will be swept

    def _check_poses(self, camera: str) -> None:
        expected = self._published[camera]
        poses = self.roles.poses.read(camera, FrameId(0), count=1000)
        assert [frame_id for frame_id, _ in poses] == expected == sorted(set(expected))
        assert [pose.decode() for _, pose in poses] == [str(frame_id) for frame_id in expected]

    def close(self) -> None:
        """Remove every camera; nothing of them may be left."""
        for camera in REQUESTS:
            self.roles.operations.remove(camera, force=True)
        left = {key.decode().rsplit(":", 1)[1] for key in self.roles.snapshot()}
        assert left <= {"work", "results", "dead", "shard", "tracker", "workers"}
        assert self.roles.counted_bytes() == 0
        assert [self.roles.client.xlen(self.roles.keys._key(name)) for name in ("work", "results", "dead")] == [0, 0, 0]
        assert self.roles.deliveries() == {}

    def _camera(self) -> str:
        return self._random.choice(list(REQUESTS))


def run(client: redis.Redis, keys: ShardKeys, seed: int) -> Counter[str]:
    """Take all steps of a run, looking into the books after each; returns what happened how often."""
    shard = Shard(client, keys)
    shard.prepare()
    books, taken = Books(Roles(shard), seed), ["start"]
    try:
        for step in books.steps(STEPS):
            taken.append(step)
            books.check()
        books.close()
    except AssertionError as error:
        error.add_note(f"in step {len(taken)} of the run with seed {seed}, after {', '.join(taken[-5:])}")
        raise
    return books.happened


def test_no_frame_is_lost_or_counted_twice_and_nothing_leaks_whatever_is_done_in_whatever_order(
    client: redis.Redis, prefix: str
) -> None:
    happened: Counter[str] = Counter()
    for seed in range(8):
        happened += run(client, ShardKeys(f"{prefix}-{seed}", 0), seed)

    # Else the runs were of no use.
    for event in (*(f"published {outcome}" for outcome in Outcome), "full", "backlog bytes", "published wrongly"):
        assert happened[event] > 0, event
    assert happened["reclaimed"] > 0
    assert happened["moved up"] > 0
    assert happened["published posed"] > 80
