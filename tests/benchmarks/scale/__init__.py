"""How the fleet scales: everything is real but decoding and inference, in whose place workers sleep."""

from tests.benchmarks.scale.main import main as main
