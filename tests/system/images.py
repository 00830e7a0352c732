"""Images built by buildah without a registry, and run without a container runtime: as an unprivileged user, without
capabilities, over a read-only root, as process 1 of its own.

The base is Debian with Python, made by mmdebstrap and kept in the user's cache.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "posestream"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BASE = "localhost/posestream-base"
TIMEOUT_S = 580

_SANDBOX = """
root=$1; shift
mount --make-rprivate / && mount --bind "$root" "$root" && mount -o remount,ro,bind "$root" &&
mount -t proc proc "$root/proc" && mount -t tmpfs tmpfs "$root/tmp" && mount --bind /dev "$root/dev" || exit 97
exec /usr/sbin/chroot "$root" /usr/bin/setpriv --reuid 65532 --regid 65532 --clear-groups \
  --no-new-privs --bounding-set=-all --inh-caps=-all -- /bin/sh -c 'cd /app && exec "$@"' sh "$@"
"""


def missing() -> str | None:
    """Why images can not be built here; None when they can."""
    absent = [tool for tool in ("buildah", "mmdebstrap", "unshare", "setpriv") if shutil.which(tool) is None]
    if absent:
        return f"{', '.join(absent)} not installed (tests/system/install-packages)"
    return None if os.geteuid() == 0 else "building images without a container runtime needs root"


@dataclass(frozen=True)
class Image:
    """An image that has been built, with its files to be looked at under `root`."""

    name: str
    root: Path
    size_bytes: int
    layers: list[str]
    config: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.config["Env"])

    def start(self, *command: str, log: Path, **environment: str) -> Sandboxed:
        """Start a command in it; with the image's own entry point where none is given as `["…"]`."""
        return Sandboxed(self.root, [*self.config["Entrypoint"], *command], self.environment | environment, log)

    def run(self, *command: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command in it to its end, without the entry point; `given` is its standard input."""
        return subprocess.run(
            [*sandbox(self.root), *command],
            check=False,
            capture_output=True,
            input=given,
            env=self.environment | environment,
            timeout=100,
        )


def sandbox(root: Path) -> list[str]:
    return [
        "/usr/bin/unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--",
        "/bin/sh",
        "-c",
        _SANDBOX,
        "sh",
        str(root),
    ]


class Sandboxed:
    """A process in an image's files."""

    def __init__(self, root: Path, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*sandbox(root), *command], env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()  # its child goes with it
            self._process.wait(timeout=20)

    def wait(self, seconds: float) -> int:
        return self._process.wait(timeout=seconds)

    def terminate(self) -> None:
        """SIGTERM to the process itself, as a container runtime sends it."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)


class Builder:
    """buildah with a store of its own in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._buildah = ["buildah", "--root", str(folder / "root"), "--runroot", str(folder / "run")]

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._call("umount", "--all", check=False)
        self._call("rm", "--all", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def make_base(self) -> int:
        """Make the base image; returns its size in bytes."""
        container = self._call("from", "scratch")
        self._call("add", "--quiet", container, str(base_files()), "/")
        # A proxy between here and PyPI may have an authority of its own.
        self._call("add", "--quiet", container, str(CERTIFICATES), str(CERTIFICATES))
        self._call("commit", "--quiet", "--rm", container, BASE)
        return self._facts(BASE)["size_bytes"]

    def build(self, *names: str, anew: bool = False) -> dict[str, Image]:
        """Build images as `deploy/docker/build` does for everybody; `anew` takes nothing from earlier builds."""
        pip_conf = self._folder / "pip.conf"
        index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")
        pip_conf.write_text(f"[global]\ncert = {CERTIFICATES}\nindex-url = {index}\n")
        settings = {
            "TOOL": " ".join(self._buildah),
            "OPTIONS": "--isolation chroot --pull-never --layers" + (" --no-cache" if anew else ""),
            "BASE": BASE,
            "ANY_BASE": "yes",
            "PIP_CONF": str(pip_conf),
            "VERSION": "test",
        }
        with (self._folder / "build.log").open("wb") as log:
            done = subprocess.run(
                [ROOT / "deploy/docker/build", *names],
                check=False,
                stdout=log,
                stderr=log,
                env=os.environ | settings,
                timeout=TIMEOUT_S,
            )
        assert done.returncode == 0, (self._folder / "build.log").read_text()[-3000:]
        return {name: self._image(name) for name in names}

    def _image(self, name: str) -> Image:
        reference = f"localhost/posestream/{name}:test"
        container = self._call("from", "--pull-never", reference)
        return Image(name, Path(self._call("mount", container)), **self._facts(reference))

    def _facts(self, reference: str) -> dict[str, Any]:
        inspected = json.loads(self._call("inspect", "--type", "image", reference))
        (listed,) = json.loads(self._call("images", "--json", reference))
        return {
            "size_bytes": _bytes(listed["size"]),
            "layers": inspected["OCIv1"]["rootfs"]["diff_ids"],
            "config": inspected["Docker"]["config"],
        }

    def _call(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [*self._buildah, *arguments], check=False, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        assert done.returncode == 0 or not check, done.stderr[-2000:]
        return done.stdout.strip()


def base_files() -> Path:
    """Debian with Python, as a tar archive."""
    archive = CACHE / "base-bookworm.tar"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = archive.with_suffix(".partial.tar")
        include = "--include=python3,python3-venv,ca-certificates"
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", include, "bookworm", partial], check=True, timeout=TIMEOUT_S
        )
        partial.replace(archive)
    return archive


def _bytes(told: str) -> int:
    number, unit = told.split()
    return round(float(number) * {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit])
