"""Network outputs to people, in NumPy and OpenCV.

    heatmaps ──▶ peaks ──▶ limbs ──▶ grouping ──▶ lifting ──▶ People
                             ▲                       ▲
                            pafs              features, view

The method is the multi-person decoding of part affinity fields (Cao et al., "Realtime Multi-Person 2D Pose Estimation
using Part Affinity Fields", 2017) with location maps for 3D (Mehta et al., "Single-Shot Multi-Person 3D Pose Estimation
From Monocular RGB", 2018), in the variant of OpenVINO's `human-pose-estimation-3d-0001` demo.

Everything in here is a function of its arguments: no clock, no I/O, no state between frames.

Symbols, in this package's shape comments:

- P people, J = 19 joints in CMU Panoptic order (`posestream.skeleton`), K = 18 joints in OpenPose order (those with a
  heatmap), L = 19 limbs, N whatever the function says it counts.
- H, W are the height and width of the network's maps; one cell is 8 network input pixels.

and three pixel grids, all with x right, y down and (0, 0) at the outer corner of the top left pixel, so that a pixel's
centre is at + 0.5:

- *fine* pixels: the network's maps upsampled 4 times, 4H by 4W. Peaks are found here.
- *network* pixels: the network's input, 8H by 8W.
- *frame* pixels: the frame as the source gave it. `View` leads from network pixels to these.
"""

from __future__ import annotations

from workers.pose.decoding.decoder import decode
from workers.pose.decoding.people import People
from workers.pose.decoding.view import View

__all__ = ["People", "View", "decode"]
