"""The one place that talks to Redis: connections, the library of server functions, and one class per role.

`Shard` is a connection's view of a shard; `FrameIntake` (producers), `WorkQueue` (workers), `ResultLog` (the tracker),
`PoseLog` (subscribers) and `ShardOperations` (operators) are what each role may do with it.
"""

from posestream.broker.connection import connect, read_topology, redact
from posestream.broker.intake import Admission, AdmissionRequest, FrameIntake, Refusal, Registration
from posestream.broker.operations import CameraStatus, ShardOperations, ShardStatus
from posestream.broker.poses import PoseLog
from posestream.broker.results import (
    CameraProgress,
    CameraRelease,
    Leadership,
    Mismatch,
    Record,
    ReleasedRecord,
    ResultLog,
)
from posestream.broker.shard import Shard
from posestream.broker.work import Frame, Token, WorkQueue

__all__ = [
    "Admission",
    "AdmissionRequest",
    "CameraProgress",
    "CameraRelease",
    "CameraStatus",
    "Frame",
    "FrameIntake",
    "Leadership",
    "Mismatch",
    "PoseLog",
    "Record",
    "Refusal",
    "Registration",
    "ReleasedRecord",
    "ResultLog",
    "Shard",
    "ShardOperations",
    "ShardStatus",
    "Token",
    "WorkQueue",
    "connect",
    "read_topology",
    "redact",
]
