"""The one place that talks to Redis: connections, the library of server functions, and one class per role.

`Shard` is a connection's view of a shard; `FrameIntake` (producers), `WorkQueue` (workers), `ResultLog` (the tracker),
`PoseLog` (subscribers), `Lookout` and `FrameLog` (viewers) and `ShardOperations` (operators) are what each role may do
with it.
"""

from posestream.broker.connection import connect, read_topology, redact
from posestream.broker.intake import Admission, AdmissionRequest, FrameIntake, Refusal, Registration
from posestream.broker.operations import CameraStatus, ShardOperations, ShardStatus
from posestream.broker.poses import PoseEntry, PoseLog
from posestream.broker.results import (
    CameraProgress,
    CameraRelease,
    Leadership,
    Mismatch,
    Record,
    ReleasedRecord,
    ResultLog,
)
from posestream.broker.server import ServerFacts, read_server
from posestream.broker.shard import Shard
from posestream.broker.sights import CameraSight, FrameLog, Lookout, ShardSight
from posestream.broker.work import Frame, Token, WorkQueue

__all__ = [
    "Admission",
    "AdmissionRequest",
    "CameraProgress",
    "CameraRelease",
    "CameraSight",
    "CameraStatus",
    "Frame",
    "FrameIntake",
    "FrameLog",
    "Leadership",
    "Lookout",
    "Mismatch",
    "PoseEntry",
    "PoseLog",
    "Record",
    "Refusal",
    "Registration",
    "ReleasedRecord",
    "ResultLog",
    "ServerFacts",
    "Shard",
    "ShardOperations",
    "ShardSight",
    "ShardStatus",
    "Token",
    "WorkQueue",
    "connect",
    "read_server",
    "read_topology",
    "redact",
]
