"""Takes out of an image what its processes never open: run while the image is built, before bytecode is made.

    python3 trim.py /opt/venv --devices CPU

Of OpenVINO the runtime, the reader of its own format and the plugins of the devices named stay. Gone are the other
devices, HETERO and BATCH, the readers of other formats (`workers model convert` of an .onnx is for a checkout),
and headers. What was taken out is counted and printed; a device that there is no plugin for ends it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

PLUGINS = {
    "CPU": ("libopenvino_intel_cpu_plugin.so",),
    "GPU": ("libopenvino_intel_gpu_plugin.so", "cache.json"),
    "NPU": ("libopenvino_intel_npu_plugin.so",),
    "AUTO": ("libopenvino_auto_plugin.so",),
}
RUNTIME = ("libopenvino.so", "libopenvino_ir_frontend.so", "libtbb", "libhwloc", "tbb")
"""How the names of libraries begin that every device needs."""

UNUSED_FOLDERS = ("openvino/include", "openvino/cmake", "openvino/tools")
UNUSED_EVERYWHERE = ("tests", "test", "include", "__pycache__")
"""Folders inside packages."""
UNUSED_SUFFIXES = (".pyi", ".h", ".hpp", ".pxd", ".a")


def main(arguments: list[str]) -> None:
    """Trim the environment that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment", type=Path)
    parser.add_argument(
        "--devices", default="CPU", help="OpenVINO devices to keep, with commas between: CPU, GPU, NPU, AUTO"
    )
    given = parser.parse_args(arguments)
    devices = given.devices.split(",")
    unknown = set(devices) - PLUGINS.keys()
    if unknown:
        sys.exit(f"trim: there is no device {min(unknown)}; there are {', '.join(PLUGINS)}")
    packages = next(given.environment.glob("lib/python3*/site-packages"), None)
    if packages is None:
        sys.exit(f"trim: {given.environment} is no environment: it has no lib/python3*/site-packages")
    freed = sum(remove(path) for path in [*unused(packages), *unused_libraries(packages / "openvino/libs", devices)])
    print(f"trimmed {packages}: {freed / 1e6:.0f} MB less")  # noqa: T201


def unused(packages: Path) -> Iterator[Path]:
    """Yield what no process opens, whatever it runs on."""
    yield from (packages / folder for folder in UNUSED_FOLDERS)
    for name, folders, files in os.walk(packages):
        folder = Path(name)
        yield from (folder / name for name in folders if name in UNUSED_EVERYWHERE)
        yield from (folder / name for name in files if name.endswith(UNUSED_SUFFIXES))


def unused_libraries(libraries: Path, devices: list[str]) -> Iterator[Path]:
    """Yield the libraries of OpenVINO that these devices do without.

    Raises:
        SystemExit: OpenVINO is there, and a device has no plugin.
    """
    if not libraries.exists():
        return
    plugins = [name for device in devices for name in PLUGINS[device]]
    missing = [name for name in plugins if not (libraries / name).exists() and name.endswith(".so")]
    if missing:
        sys.exit(f"trim: this OpenVINO has no {missing[0]}")
    keep = (*RUNTIME, *plugins)
    yield from (path for path in libraries.iterdir() if not path.name.startswith(keep))


def remove(path: Path) -> int:
    """Remove a file or folder, if it is there; returns the bytes it took."""
    if not path.exists():
        return 0
    taken = sum(file.lstat().st_size for file in [path, *path.rglob("*")] if file.is_file())
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return taken


if __name__ == "__main__":
    main(sys.argv[1:])
