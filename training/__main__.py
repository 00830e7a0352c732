"""Make or judge the demo network: `python -m training train | export | quantize | evaluate`."""

from __future__ import annotations

from posestream.errors import ConfigurationError
from posestream.service.process import run_command, run_service

COMMANDS = {
    "train": "training.train",
    "export": "training.export",
    "quantize": "training.quantize",
    "evaluate": "training.evaluate",
}

USAGE = """usage: python -m training {train,export,quantize,evaluate} ...

  train     train the demo network on synthetic scenes and write it as OpenVINO IR; goes on where it stopped
  export    write the network of a training run, finished or not, as OpenVINO IR
  quantize  make a network INT8, and measure it against the one that it is made from
  evaluate  measure a network on the held-out scenes, through the worker's own stages

Each explains itself with --help. Training and exporting need PyTorch: pip install --group training.
Quantising needs NNCF: pip install --group quantize"""


def main(argv: list[str]) -> int:
    """Run the command that the first argument names."""
    try:
        return run_command(argv, COMMANDS, USAGE)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ConfigurationError(
            f"{argv[0]} needs PyTorch, which is not installed: python -m pip install --group training"
        ) from error


if __name__ == "__main__":
    run_service(main)
