"""The pipeline's speed beside the network's own, in one run on one machine; docs/benchmarks.md says how."""
