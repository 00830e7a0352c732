"""Reads the pickles inside PyTorch checkpoints without running anything in them.

Python's own unpickler calls whatever a pickle names. This one knows no callables at all: it interprets the few opcodes
that a state dict needs, and builds dicts, lists, tuples, numbers, strings, bytes and descriptions of tensors. Any other
opcode, and any global but the handful that a state dict is made of, is refused by name.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TypeVar

from posestream.errors import ModelError
from workers.model.tensors import STORAGE_DTYPES, Storage, TensorView, describe_tensor

# A state dict of this network takes about 13,000; more than this is no checkpoint of anything like it.
MAX_OPCODES = 2_000_000

_ORDERED_DICT = "collections.OrderedDict"
_REBUILD_TENSOR = {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"}
_REBUILD_PARAMETER = "torch._utils._rebuild_parameter"
_ALLOWED = {_ORDERED_DICT, _REBUILD_PARAMETER} | _REBUILD_TENSOR | STORAGE_DTYPES.keys()

# Opcodes whose argument is the value itself.
_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINSTRING"}
_CONSTANTS: dict[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_NOTHING_TO_DO = {"PROTO", "FRAME", "STOP"}


_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class _Global:
    """The name of a class or function in a pickle: only ever compared, never looked up."""

    name: str


@dataclass(frozen=True, slots=True)
class Pickled:
    """What a pickle holds: plain containers with `TensorView` in the place of tensors, and every storage they name."""

    value: object
    storages: dict[str, Storage]


def read_pickle(stream: IO[bytes], origin: str) -> Pickled:
    """Read one pickle from the stream, which is left behind its end.

    Raises ModelError for anything damaged, too long, or that would need code to run, naming the global or opcode.
    """
    machine = _Machine(origin)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count >= MAX_OPCODES:
                raise ModelError(f"{origin}: its pickle has more than {MAX_OPCODES} opcodes, which no checkpoint needs")
            machine.execute(opcode.name, argument)
        return Pickled(machine.result(), machine.storages)
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise ModelError(f"{origin}: its pickle is damaged ({error}); get the file anew") from error


class _Machine:
    """The pickle machine, reduced to what builds inert values."""

    def __init__(self, origin: str) -> None:
        self.storages: dict[str, Storage] = {}
        self._origin = origin
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}

    def execute(self, name: str, argument: object) -> None:
        """Execute one opcode."""
        if name in _LITERALS:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _OPERATIONS:
            _OPERATIONS[name](self, argument)
        elif name not in _NOTHING_TO_DO:
            raise ModelError(f"{self._origin}: refuses the pickle opcode {name}, which no state dict needs")

    def result(self) -> object:
        """The one value that a whole pickle leaves on the stack."""
        if len(self._stack) != 1 or self._marks:
            raise ValueError("it does not end with one value")
        return self._stack.pop()

    def mark(self, _: object) -> None:
        self._marks.append(len(self._stack))

    def empty_list(self, _: object) -> None:
        self._stack.append([])

    def empty_dict(self, _: object) -> None:
        self._stack.append({})

    def tuple_of_mark(self, _: object) -> None:
        self._stack.append(tuple(self._pop_mark()))

    def tuple_of(self, length: int) -> None:
        self._stack.append(tuple(self._pop(length)))

    def put(self, index: object) -> None:
        # Where protocol 4 says MEMOIZE there is no argument: the next free place is meant.
        place = len(self._memo) if index is None else index
        self._memo[_expect(int, place)] = self._stack[-1]

    def get(self, index: object) -> None:
        self._stack.append(self._memo[_expect(int, index)])

    def global_of_argument(self, argument: object) -> None:
        # pickletools joins module and name by a space.
        self._push_global(str(argument).replace(" ", ".", 1))

    def global_of_stack(self, _: object) -> None:
        module, name = self._pop(2)
        self._push_global(f"{module}.{name}")

    def append(self, _: object) -> None:
        self._extend(self._pop(1))

    def appends(self, _: object) -> None:
        self._extend(self._pop_mark())

    def set_item(self, _: object) -> None:
        self._update(self._pop(2))

    def set_items(self, _: object) -> None:
        self._update(self._pop_mark())

    def persistent_id(self, _: object) -> None:
        (pid,) = self._pop(1)
        # ("storage", its type, its key, the device it was on, the number of its elements[, None])
        tag, kind, key, _device, count, *view = _expect(tuple, pid)
        if tag != "storage" or _expect(_Global, kind).name not in STORAGE_DTYPES:
            raise ValueError("a persistent id that describes no storage")
        if _expect(int, count) < 0:
            raise ValueError("a storage of fewer elements than none")
        if view not in ([], [None]):
            raise ModelError(
                f"{self._origin}: storage {key} is a view into another, as only very old versions of PyTorch wrote; "
                f"load and save the checkpoint with a newer one"
            )
        storage = Storage(_expect(str, key), kind.name, count)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise ValueError(f"storage {storage.key} is described in two ways")
        self._stack.append(storage)

    def reduce(self, _: object) -> None:
        function, arguments = self._pop(2)
        function, arguments = _expect(_Global, function), _expect(tuple, arguments)
        if function.name == _ORDERED_DICT:
            self._stack.append({})
            for pair in _expect(list, arguments[0]) if arguments else []:
                self._update(list(_expect(tuple, pair)))
        elif function.name in _REBUILD_TENSOR:
            self._stack.append(describe_tensor(*arguments[:4]))
        elif function.name == _REBUILD_PARAMETER:
            self._stack.append(_expect(TensorView, arguments[0]))
        else:
            raise ValueError(f"{function.name} is a type of storage and is not called in checkpoints")

    def build(self, _: object) -> None:
        # Sets attributes; PyTorch does so to keep version numbers with a state dict's OrderedDict, of no use here.
        (_attributes,) = self._pop(1)
        _expect(dict, self._stack[-1])

    def _push_global(self, name: str) -> None:
        if name not in _ALLOWED:
            raise ModelError(
                f"{self._origin}: refuses {name}: a checkpoint may hold tensors and dicts only, and this one asks for "
                f"code to be run; save the plain state dict, torch.save(network.state_dict(), ...), and convert that"
            )
        self._stack.append(_Global(name))

    def _extend(self, values: list[object]) -> None:
        _expect(list, self._stack[-1]).extend(values)

    def _update(self, parts: list[object]) -> None:
        """Add keys and values, which come by turns, to the dict on top of the stack."""
        target = _expect(dict, self._stack[-1])
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            # Hashing a tuple of tuples can be made to take for ever, and no checkpoint needs one as a key.
            if not isinstance(key, str | int):
                raise TypeError(f"a {type(key).__name__} as the key of a dict")
            target[key] = value

    def _pop(self, length: int) -> list[object]:
        if length > len(self._stack):
            raise ValueError("its stack runs empty")
        values = self._stack[-length:]
        del self._stack[-length:]
        return values

    def _pop_mark(self) -> list[object]:
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values


_OPERATIONS: dict[str, Callable[[_Machine, object], None]] = {
    "MARK": _Machine.mark,
    "EMPTY_LIST": _Machine.empty_list,
    "EMPTY_DICT": _Machine.empty_dict,
    "TUPLE": _Machine.tuple_of_mark,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.put,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.global_of_argument,
    "STACK_GLOBAL": _Machine.global_of_stack,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "BINPERSID": _Machine.persistent_id,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}


def _expect(kind: type[_Kind], value: object) -> _Kind:
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} where {kind.__name__} belongs")
    return value
