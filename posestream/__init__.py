"""posestream: ordered, exactly-once 3D human pose streams.

Importing this package pulls in redis, msgpack and NumPy only.
"""

__version__ = "0.1.0"
