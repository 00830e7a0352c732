"""Breaking everything at random moments while a recording goes through, and counting what became of each frame.

`python -m tests.chaos` runs a real server, producer, pose workers and trackers as processes; only inference is a
stand-in (`tests.chaos.standin`). What is broken and when follows from a seed (`schedule`), what must come out is
computed beforehand (`reference`), what did come out is watched (`observer`) and judged (`verdict`).
"""
