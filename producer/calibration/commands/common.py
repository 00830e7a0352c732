"""What the commands share: pictures of a source, and setting a calibration on the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any, Final

import numpy as np
from rich.console import Console

from posestream.broker import Shard, ShardOperations, connect, read_topology
from posestream.keys import validate_camera_name
from posestream.service.settings import ConnectionSettings
from producer.calibration.live import REGISTRY_FIELD
from producer.calibration.values import Calibration
from producer.opencv import cv2
from producer.sources import Picture, Source
from producer.sources.base import Bgr
from producer.sources.spread import spread

PROGRAM: Final = "python -m producer calibrate"
TABLE: Final = "calibrate"

console = Console(stderr=True)


def pictures(source: Source, at_most: int) -> Iterator[Bgr]:
    """Yield pictures of a source, decoded: evenly of a recording, the first ones of a camera."""
    with closing(spread(source, at_most)) as given:
        images = (image for picture in given if (image := _decoded(picture)) is not None)
        yield from islice(images, at_most)


def _decoded(picture: Picture) -> Bgr | None:
    image: Any = picture
    if isinstance(picture, bytes):
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    return image if isinstance(image, np.ndarray) else None


def set_on_server(settings: ConnectionSettings, camera: str, calibration: Calibration) -> None:
    """Set a camera's calibration, or take it away where nothing is known."""
    name = validate_camera_name(camera)
    client = connect(settings.redis_url, name="calibrate")
    keys = read_topology(client, settings.prefix).keys_of(name)
    ShardOperations(Shard(client, keys)).set_camera(name, REGISTRY_FIELD, calibration.as_json() if calibration else "")
    console.print(f"camera {name}: calibration {'set' if calibration else 'taken away'} on the server")
