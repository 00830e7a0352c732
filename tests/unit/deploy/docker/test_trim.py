"""What is taken out of an image's packages."""

from __future__ import annotations

from pathlib import Path

import openvino
import pytest

from deploy.docker.trim import main, remove, unused_libraries

LIBRARIES = Path(openvino.__file__).parent / "libs"


def left_for(devices: list[str]) -> set[str]:
    return {path.name for path in LIBRARIES.iterdir()} - {path.name for path in unused_libraries(LIBRARIES, devices)}


def test_of_openvino_the_runtime_the_reader_of_its_format_and_the_cpus_plugin_stay():
    stays = left_for(["CPU"])
    plugins = {name for name in stays if "plugin" in name or "frontend" in name}
    assert {name.partition(".so")[0] for name in plugins} == {
        "libopenvino_intel_cpu_plugin",
        "libopenvino_ir_frontend",
    }
    assert any(name.startswith("libopenvino.so") for name in stays)
    assert any(name.startswith("libtbb.so") for name in stays)


@pytest.mark.parametrize(("device", "plugin"), [("GPU", "intel_gpu"), ("NPU", "intel_npu"), ("AUTO", "auto")])
def test_further_devices_stay_when_they_are_asked_for(device, plugin):
    plugin = f"libopenvino_{plugin}_plugin.so"
    assert plugin not in left_for(["CPU"])
    assert left_for(["CPU", device]) >= left_for(["CPU"]) | {plugin}


def test_a_device_without_a_plugin_ends_the_build(tmp_path):
    (tmp_path / "libopenvino_intel_cpu_plugin.so").touch()
    with pytest.raises(SystemExit, match=r"no libopenvino_intel_npu_plugin\.so"):
        list(unused_libraries(tmp_path, ["CPU", "NPU"]))
    with pytest.raises(SystemExit, match="there is no device TPU"):
        main([str(tmp_path), "--devices", "TPU"])


def test_a_folder_without_an_environment_ends_the_build(tmp_path):
    with pytest.raises(SystemExit, match=f"{tmp_path} is no environment"):
        main([str(tmp_path)])


def test_an_environment_keeps_its_code_and_loses_its_tests(tmp_path, capsys):
    packages = tmp_path / "lib/python3.11/site-packages"
    for name in (
        "some/core.py",
        "some/tests/test_core.py",
        "some/core.pyi",
        "some/testing/tool.py",
        "some/include/a.h",
    ):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text("x" * 1000)
    main([str(tmp_path)])

    assert {str(path.relative_to(packages)) for path in packages.rglob("*") if path.is_file()} == {
        "some/core.py",
        "some/testing/tool.py",
    }
    assert "MB less" in capsys.readouterr().out


def test_what_is_removed_is_counted(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(b"12345")
    assert remove(tmp_path / "folder") == 5
    assert remove(tmp_path / "folder") == 0
