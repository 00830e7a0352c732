"""What can go wrong with a demo as a whole."""

from posestream.errors import PosestreamError


class DemoError(PosestreamError):
    """The demo can not go on: something could not be started or has ended; says what, and where to look."""
