"""More frames than the workers can take, and workers or tracker away: what it does to memory, latency and fairness."""
