"""The project's error hierarchy: every message says what was wrong, where, and what to do about it."""

from __future__ import annotations


class PosestreamError(Exception):
    """Base of every error raised on purpose by posestream and its applications."""


class ConfigurationError(PosestreamError):
    """A setting, a flag or a configuration file is wrong; the process stops before it does any work."""


class MessageError(PosestreamError):
    """Something read from the wire is not what the wire format says; names the field."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class UnsupportedSchemaError(MessageError):
    """A message was written by a newer major version of the schema than this program reads."""


class ImageError(PosestreamError):
    """An image cannot be used: empty, of an unknown format, truncated, corrupt or over a limit.

    `reason` is a short constant fit for a counter's label; the message has the details.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ModelError(PosestreamError):
    """A model file is missing, damaged, of the wrong kind, or does not fit the pose network's contract."""


class SourceError(PosestreamError):
    """A frame source cannot be opened or read."""


class RecordingError(PosestreamError):
    """A recording can not be written, or a file is none, or is damaged."""


class BrokerError(PosestreamError):
    """The Redis or Valkey server refused something or answered what the contract does not allow."""


class BrokerUnavailableError(BrokerError):
    """The server cannot be reached just now (down, restarting, loading, failing over); trying again may help."""


class BrokerFullError(BrokerUnavailableError):
    """The server has reached its memory limit and takes no more frames until some have been worked off."""
