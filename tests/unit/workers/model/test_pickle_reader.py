from __future__ import annotations

import collections
import io
import os
import pickle
from pathlib import Path

import pytest

from posestream.errors import ModelError
from tests.unit.workers.model.checkpoint_writer import Call, Global, Persistent, pickled
from workers.model import pickle_reader
from workers.model.pickle_reader import read_pickle
from workers.model.tensors import Storage, TensorView

STORAGE = ("storage", Global("torch", "FloatStorage"), "0", "cpu", 6)


def read(content: bytes) -> object:
    return read_pickle(io.BytesIO(content), "net.pth").value


class Malicious:
    """Touches a file when Python's own unpickler loads it."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self):
        return os.system, (f"touch {self._target}",)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_what_python_pickles_of_plain_values_is_read_back(protocol):
    value = {"a": [1, -2, 3.5, None], "b": (True, False, "text", 2**70, ()), "c": {"d": ("x", 1, 2, 3)}, 5: "five"}

    assert read(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", [2, 4])
def test_an_ordered_dict_becomes_a_dict_in_the_same_order_without_its_attributes(protocol):
    value = collections.OrderedDict([("z", 1), ("a", 2)])
    value._metadata = {"": 1}

    result = read(pickle.dumps(value, protocol))

    assert type(result) is dict
    assert list(result.items()) == [("z", 1), ("a", 2)]


def test_an_ordered_dict_of_pairs_as_python_2_wrote_it_is_read():
    pairs = [("z", 1), ("a", 2)]

    assert read(pickled(Call(Global("collections", "OrderedDict"), (pairs,)))) == dict(pairs)


def test_a_value_named_twice_is_the_same_value():
    shared = ["x"]

    first, second = read(pickle.dumps((shared, shared), 2))

    assert first is second


def test_a_tensor_becomes_its_description():
    view = Call(Global("torch._utils", "_rebuild_tensor_v2"), (Persistent(STORAGE), 1, (2,), (2,), False, None))

    result = read_pickle(io.BytesIO(pickled(view)), "net.pth")

    storage = Storage("0", "torch.FloatStorage", 6)
    assert result.value == TensorView(storage, 1, (2,), (2,))
    assert result.storages == {"0": storage}


def test_reading_ends_where_the_pickle_ends():
    stream = io.BytesIO(pickled("first") + pickled("second") + b"rest")

    assert [read_pickle(stream, "net.pth").value for _ in range(2)] == ["first", "second"]
    assert stream.read() == b"rest"


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_that_would_run_a_command_is_refused_and_runs_nothing(tmp_path, protocol):
    target = tmp_path / "touched"
    content = pickle.dumps({"state_dict": Malicious(target)}, protocol)

    with pytest.raises(ModelError, match=r"net\.pth: refuses (posix\.system|the pickle opcode)"):
        read(content)

    assert not target.exists()
    pickle.loads(content)
    assert target.exists(), "the pickle is harmless and this test shows nothing"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("posix", "system"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch.storage", "_load_from_bytes"),
        ("collections", "OrderedDict.fromkeys"),
        ("numpy.core.multiarray", "scalar"),
        ("argparse", "Namespace"),
    ],
)
def test_any_other_global_is_refused_by_name_even_if_it_is_not_called(module, name):
    with pytest.raises(ModelError, match=f"refuses {module}.{name}"):
        read(pickled(Global(module, name)))


@pytest.mark.parametrize(
    ("content", "opcode"),
    [
        (b"(iposix\nsystem\n.", "INST"),
        (b"\x82\x01.", "EXT1"),
        (b"Ppid\n.", "PERSID"),
        (b"ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
        (b"]2.", "DUP"),
        (b"I1\n.", "INT"),
    ],
)
def test_opcodes_that_no_state_dict_needs_are_refused_by_name(content, opcode):
    with pytest.raises(ModelError, match=f"refuses the pickle opcode {opcode}"):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"K\x01",  # no end
        b"K\x01K\x02.",  # two values
        b"(.",  # a mark left
        b"t.",  # no mark
        b"K\x01(\x85.",  # reaches below a mark
        b"h\x05.",  # never put there
        b"r\xff\xff\xff\xff.",  # nothing to put, at a place that must not be allocated
        b"](K\x01u.",  # items of a list
        b"}(K\x01u.",  # a key without a value
        b"}K\x01a.",  # a dict that is appended to
        b"})K\x01s.",  # a key that is no name
        b"K\x01)R.",  # a number that is called
        b"K\x01}b.",  # a number that gets attributes
        b"K\x01Q.",  # a number as a storage
        b"X\xff\xff\xff\xffabc.",  # text shorter than it says
        pickled(Call(Global("torch", "FloatStorage"), ())),
        pickled(Call(Global("torch._utils", "_rebuild_tensor_v2"), ())),
        pickled(Call(Global("torch._utils", "_rebuild_parameter"), ())),
        pickled(Call(Global("torch._utils", "_rebuild_parameter"), ("no tensor",))),
        pickled(Call(Global("collections", "OrderedDict"), ([("a", 1, 2)],))),
        pickled(Persistent(("module", *STORAGE[1:]))),
        pickled(Persistent(("storage", Global("collections", "OrderedDict"), "0", "cpu", 6))),
        pickled(Persistent(STORAGE[:4])),
        pickled([Persistent(STORAGE), Persistent((*STORAGE[:4], 7))]),  # one storage of two sizes
    ],
)
def test_a_damaged_pickle_is_one_clear_error(content):
    with pytest.raises(ModelError, match=r"net\.pth: its pickle is damaged"):
        read(content)


def test_a_view_into_another_storage_is_refused_with_what_to_do():
    with pytest.raises(ModelError, match=r"storage 0 is a view into another.*save the checkpoint with a newer one"):
        read(pickled(Persistent((*STORAGE, ("1", 0, 6)))))


def test_a_pickle_cut_anywhere_is_an_error():
    view = Call(Global("torch._utils", "_rebuild_tensor_v2"), (Persistent(STORAGE), 1, (2,), (2,), False, None))
    content = pickled({"state_dict": {"weight": view}, "epoch": 1})

    for length in range(len(content)):
        with pytest.raises(ModelError):
            read(content[:length])


def test_a_pickle_of_endless_opcodes_is_refused(monkeypatch):
    monkeypatch.setattr(pickle_reader, "MAX_OPCODES", 1000)

    with pytest.raises(ModelError, match="more than 1000 opcodes"):
        read(b"\x80\x02" + b"}" * 2000)


def test_keys_nested_to_be_hashed_for_ever_are_refused():
    # Each level is a pair of the one before: a hash would visit 2 ** 200 tuples.
    nested = b")q\x00" + b"h\x00\x86q\x00" * 200

    with pytest.raises(ModelError, match="tuple as the key of a dict"):
        read(b"}" + nested + b"K\x01s.")
