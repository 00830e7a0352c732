"""The whole system on one machine, as real processes: `python -m deploy.local`, which `make demo` runs."""
