"""A member of a group as a process: prints the number of each frame it gets, and stays at the one it is told to."""

from __future__ import annotations

import sys
import time

from posestream import subscribe

url, prefix, group, stay_at, claim_after_s = sys.argv[1:]
with subscribe(url, prefix=prefix, start="beginning", group=group, claim_after_s=float(claim_after_s)) as frames:
    for frame in frames:
        print(frame.seq, flush=True)
        if frame.seq >= int(stay_at):
            time.sleep(600)
