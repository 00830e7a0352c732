"""Recordings of poses: files that hold what was published, whole after a crash up to their last block.

`read_recording(path)` iterates over a recording's frames; `RecordingWriter` writes one.
"""

from posestream.recording.file import SUFFIX, Recording, RecordingWriter, read_recording

__all__ = ["SUFFIX", "Recording", "RecordingWriter", "read_recording"]
