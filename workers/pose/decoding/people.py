"""The people of one frame, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

from workers.pose.decoding.maps import FloatArray


@dataclass(frozen=True, slots=True)
class People:
    """P people of one frame with 19 joints each, in CMU Panoptic order. P may be 0; the shapes hold all the same.

    - `joints_px` `(P, 19, 2)` float32: x, y in pixels of the frame, from the outer corner of its top left pixel; NaN
      where the joint was not seen. The pelvis never is: the network has no heatmap for it.
    - `confidence` `(P, 19)` float32: the heatmap's value at the joint, cut to 0..1; 0 where it was not seen.
    - `joints_m` `(P, 19, 3)` float32: x, y, z in metres in the camera frame, OpenCV axes (x right, y down, z forward).
      Never NaN: joints not seen have the position that the network infers for them.
    - `score` `(P,)` float32: how much the person is one: the joints' and limbs' scores summed up, times one less than
      the number of joints. For comparing people; has no upper bound.
    """

    joints_px: FloatArray
    confidence: FloatArray
    joints_m: FloatArray
    score: FloatArray

    def __len__(self) -> int:
        return len(self.score)
