"""Every benchmark, one table after the other: `python -m tests.benchmarks`."""

from __future__ import annotations

from tests.benchmarks import decoding, server_functions, synthetic, tracker, tracking

if __name__ == "__main__":
    decoding.main()
    server_functions.main()
    synthetic.main()
    tracker.main()
    tracking.main()
