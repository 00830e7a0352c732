"""The network on the real OpenVINO: what it refuses, how often it compiles, and what comes out."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from posestream.errors import ConfigurationError, ModelError
from tests.networks import Case, grey_level, write_network
from workers.pose.network import OUTPUTS, Inferencer, NetworkOptions, PoseNetwork

OPTIONS = NetworkOptions(device="CPU", threads=1, precision="f32", cache=None, limit=4)


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(5)
    return [
        Case(*(rng.normal(0, 10, (channels, 4, 6)).astype(np.float32) for channels in OUTPUTS.values()))
        for _ in range(3)
    ]


@pytest.fixture(scope="module")
def model(cases, tmp_path_factory):
    return write_network(tmp_path_factory.mktemp("network") / "known.xml", cases)


@pytest.fixture
def make(model):
    made = []

    def make(path=model, on_compiled=lambda seconds, count: None, **options) -> PoseNetwork:
        made.append(PoseNetwork(path, replace(OPTIONS, **options), on_compiled))
        return made[-1]

    yield make
    for network in made:
        network.close()


def grey(case: int, width: int = 96) -> np.ndarray:
    return np.full((1, 256, width, 3), grey_level(case), np.uint8)


# What it computes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [96, 448])
def test_the_outputs_are_those_of_the_frame_in_single_precision(make, cases, width):
    inferencer = Inferencer(make())
    for index in (2, 0, 1, 0):
        maps = inferencer.infer(grey(index, width))
        for name in OUTPUTS:
            output = getattr(maps, name)
            assert output.dtype == np.float32
            np.testing.assert_array_equal(output, getattr(cases[index], name))


def test_pixels_go_in_as_height_width_channels(make, tmp_path):
    """A network that looks at the left half of the last channel alone."""
    data = ops.parameter([1, 3, 256, -1], np.float32, name="data")
    half = ops.slice(data, np.array([0, 2, 0, 0]), np.array([1, 3, 256, 48]), np.array([1, 1, 1, 1]))
    level = ops.reduce_mean(half, np.array([1, 2, 3]), keep_dims=True)
    outputs = []
    for name, channels in OUTPUTS.items():
        output = ops.broadcast(level, ops.constant(np.array([1, channels, 2, 2])))
        output.output(0).set_names({name})
        outputs.append(ops.result(output, name=name))
    openvino.save_model(openvino.Model(outputs, [data], "probe"), tmp_path / "probe.xml")
    pixels = np.zeros((1, 256, 96, 3), np.uint8)
    pixels[:, :, :48, 2] = 200

    assert Inferencer(make(tmp_path / "probe.xml")).infer(pixels).heatmaps == pytest.approx(200)


def test_slots_in_threads_of_their_own_do_not_mix_their_outputs_up(make, cases):
    network = make()
    network.warm_up(96)
    wrong = []

    def slot(index: int) -> None:
        inferencer = Inferencer(network)
        for step in range(40):
            case = (index + step) % 3
            maps = inferencer.infer(grey(case))
            if not np.array_equal(maps.heatmaps, cases[case].heatmaps):
                wrong.append((index, step))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(slot, range(4)))

    assert wrong == []


def test_it_computes_in_the_precision_that_was_asked_for(make):
    assert make().compiled(96).get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32


@pytest.mark.parametrize("device", ["CPU", "AUTO", "AUTO:GPU,CPU", "HETERO:CPU"])
def test_inference_takes_no_more_threads_than_it_was_given_and_pins_none(make, device):
    compiled = make(threads=1, device=device).compiled(96)

    of_cpu = compiled.get_property if device == "CPU" else compiled.get_property("DEVICE_PROPERTIES")["CPU"].get
    assert of_cpu("INFERENCE_NUM_THREADS") == 1
    assert of_cpu("ENABLE_CPU_PINNING") is False


@pytest.mark.parametrize("device", ["CPU", "AUTO"])
def test_the_log_tells_where_and_in_what_the_network_computes(make, device, caplog):
    with caplog.at_level("INFO", "workers.pose.network"):
        make(device=device).compiled(96)

    (record,) = caplog.records
    assert (record.device, record.precision, record.int8, record.input) == ("CPU", "f32", False, "96x256")


def test_there_is_a_slot_more_than_the_device_has_requests(make):
    network = make()

    assert network.slots(96) == network.compiled(96).get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") + 1


# How often it compiles ------------------------------------------------------------------------------------------------


def test_threads_that_ask_for_the_same_width_compile_it_once(make):
    compiled = []
    network = make(on_compiled=lambda seconds, count: compiled.append(count))
    together = threading.Barrier(4)

    def ask(_: int) -> int:
        together.wait(10)
        return id(network.compiled(448))

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(4)))) == 1
    assert compiled == [1]


def test_each_compilation_is_reported_with_its_time_and_how_many_there_are(make):
    reported = []
    network = make(on_compiled=lambda seconds, count: reported.append((seconds, count)))
    for width in (96, 104, 96):
        network.compiled(width)

    assert [count for _, count in reported] == [1, 2]
    assert all(0 < seconds < 60 for seconds, _ in reported)


def test_no_more_widths_are_compiled_than_allowed_and_others_get_the_nearest_wider_one(make):
    network = make(limit=2)
    for width in (448, 336):
        assert network.width_for(width, wait=True) == width
        network.compiled(width)

    assert network.width_for(144, wait=True) == 336
    assert network.width_for(400, wait=True) == 448
    assert network.width_for(600, wait=True) == 448
    assert network.width_for(336, wait=True) == 336


def test_threads_that_meet_new_widths_at_the_same_moment_stay_within_the_limit_together(make):
    network = make(limit=2)
    together = threading.Barrier(8)

    def ask(number: int) -> int:
        together.wait(10)
        return network.width_for(96 + 8 * number, wait=True)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 2


def test_a_frame_that_does_not_wait_gets_the_best_width_there_is_while_its_own_is_compiled(make, monkeypatch):
    network = make(limit=4)
    network.compiled(448)
    go_on = threading.Event()
    compile_width = network._compile

    def slowly(width: int) -> openvino.CompiledModel:
        assert go_on.wait(20)
        return compile_width(width)

    monkeypatch.setattr(network, "_compile", slowly)
    assert network.width_for(336, wait=True) == 336
    assert network.width_for(336, wait=False) == 448
    assert network.width_for(600, wait=False) == 448
    go_on.set()
    network.compiled(336)
    assert network.width_for(336, wait=False) == 336


def test_a_compilation_that_failed_is_tried_again(make, monkeypatch):
    network = make()
    monkeypatch.setattr("workers.pose.network.compile_properties", lambda *_: {"NO_SUCH_PROPERTY": 1})
    with pytest.raises(ModelError, match="can not be compiled"):
        network.compiled(96)
    monkeypatch.undo()
    assert network.compiled(96) is network.compiled(96)


# What it refuses ------------------------------------------------------------------------------------------------------


def test_what_this_machine_does_not_have_is_refused_before_anything_is_compiled(make):
    with pytest.raises(ConfigurationError, match=r"device NPU: not on this machine; there is CPU"):
        make(device="NPU")
    with pytest.raises(ConfigurationError, match=r"precision f8: CPU .* does not compute in it, but in f32"):
        make(precision="f8")


def test_a_missing_model_is_answered_with_how_to_get_one(make, tmp_path):
    with pytest.raises(ModelError, match=r"no such file; `python -m workers model fetch`") as caught:
        make(tmp_path / "none.xml")
    assert str(tmp_path / "none.xml") in str(caught.value)


def test_a_file_that_is_no_model_is_refused_in_one_line(make, tmp_path):
    path = tmp_path / "text.xml"
    path.write_text("hello")

    with pytest.raises(ModelError, match="OpenVINO can not read it") as caught:
        make(path)
    assert "\n" not in str(caught.value)


def test_a_model_whose_weights_are_missing_is_refused(make, model, tmp_path):
    alone = tmp_path / "alone.xml"
    alone.write_bytes(model.read_bytes())

    with pytest.raises(ModelError, match=r"model .*alone.xml"):
        make(alone).compiled(96)


def save(path, channels: dict[str, int], shape=(1, 3, 256, -1), inputs: int = 1):
    parameters = [ops.parameter(list(shape), np.float32, name=f"data{number}") for number in range(inputs)]
    level = ops.reduce_mean(parameters[0], np.array([1, 2, 3]), keep_dims=True)
    for parameter in parameters[1:]:
        level = ops.add(level, ops.reduce_mean(parameter, np.array([1, 2, 3]), keep_dims=True))
    results = []
    for name, count in channels.items():
        output = ops.broadcast(level, ops.constant(np.array([1, count, 2, 2])))
        output.output(0).set_names({name})
        results.append(ops.result(output, name=name))
    openvino.save_model(openvino.Model(results, parameters, "other"), path)
    return path


@pytest.mark.parametrize(
    ("channels", "inputs"),
    [
        ({"features": 57, "heatmaps": 19}, 1),  # one is missing
        ({"features": 57, "heatmaps": 18, "pafs": 38}, 1),  # another number of channels
        ({"a": 57, "b": 19, "c": 38}, 1),  # other names
        (OUTPUTS, 2),
    ],
)
def test_a_network_for_something_else_is_refused_with_what_is_needed(make, tmp_path, channels, inputs):
    path = save(tmp_path / "other.xml", channels, inputs=inputs)

    with pytest.raises(ModelError, match=r"not a pose network: .*features \(57 channels\), heatmaps \(19 channels\)"):
        make(path)


def test_a_network_saved_with_an_input_of_one_size_takes_others_too(make, tmp_path):
    path = save(tmp_path / "static.xml", OUTPUTS, shape=(1, 3, 256, 448))

    assert Inferencer(make(path)).infer(grey(0, 96)).heatmaps.shape == (19, 2, 2)


def test_a_width_the_network_can_not_take_is_an_error_of_the_model(make, tmp_path):
    data = ops.parameter([1, 3, 256, 448], np.float32, name="data")
    fixed = ops.add(data, ops.constant(np.zeros((1, 3, 256, 448), np.float32)))
    level = ops.reduce_mean(fixed, np.array([1, 2, 3]), keep_dims=True)
    results = []
    for name, count in OUTPUTS.items():
        output = ops.broadcast(level, ops.constant(np.array([1, count, 2, 2])))
        output.output(0).set_names({name})
        results.append(ops.result(output, name=name))
    openvino.save_model(openvino.Model(results, [data], "fixed"), tmp_path / "fixed.xml", compress_to_fp16=False)

    with pytest.raises(ModelError, match="can not be compiled for CPU"):
        make(tmp_path / "fixed.xml").compiled(96)


def test_compiled_networks_are_kept_in_the_cache_folder(make, tmp_path):
    make(cache=tmp_path / "cache").compiled(96)

    assert list((tmp_path / "cache").iterdir())
