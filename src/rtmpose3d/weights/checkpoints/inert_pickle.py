"""Pickles read without running any of them: bytes in, plain values and inert markers out.

A pickle is a program for a stack machine; its danger is that the standard machine imports and
calls whatever the program names. This machine imports nothing and calls nothing: a name becomes
a `Name`, a call becomes the value that the caller's `rebuild` returns, or else an `Opaque` that
holds no state. Opcodes are those of protocols 2 to 5 (torch.save writes 2). Work and memory are
bounded by the bytes that are there and by a `PickleLimits`; nothing recurses, hashes or compares
deeply.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO

from rtmpose3d.untrusted.limits import CHECKPOINT_PICKLE, PickleLimits
from rtmpose3d.weights.checkpoints.pickle_budget import PickleBudget
from rtmpose3d.weights.checkpoints.pickle_values import (
    MAX_NAME,
    Name,
    Opaque,
    PickleFormatError,
    decode_python2_text,
    decode_text,
)

_STEP_BYTES = 64  # a small object and its index in a list
_CALL_BYTES = 400  # what `rebuild` returns
_EMPTY_BYTES: Mapping[type, int] = {dict: 64, list: 56, set: 216}

Rebuild = Callable[[Name, tuple[object, ...]], object]
Persistent = Callable[[object], object]
SetState = Callable[[object, object], None]


def load(
    stream: BinaryIO,
    size: int,
    *,
    rebuild: Rebuild,
    persistent: Persistent,
    set_state: SetState | None = None,
    limits: PickleLimits = CHECKPOINT_PICKLE,
) -> object:
    """Runs one pickle of `stream` to its STOP and returns the value on top.

    Args:
        stream: positioned at the pickle; afterwards behind its STOP.
        size: bytes that may be read from here on.
        rebuild: called with the name and the arguments of each call in the pickle that is not
            one of the containers; returns the value, or an Opaque.
        persistent: called with each persistent id (a tensor's storage); returns the value.
        set_state: called with an object that `rebuild` returned and the state that the pickle has
            for it; None: states are dropped.
        limits: steps, memory and keys that the pickle may take.

    Returns:
        None, bool, int, float, str, bytes, list, tuple, dict, set, Name, Opaque, or what
        `rebuild` and `persistent` return.

    Raises:
        PickleFormatError: the pickle is damaged, cut short, or more than this machine accepts.
    """
    machine = _Machine(stream, size, rebuild, persistent, set_state, limits)
    try:
        return machine.run()
    except (IndexError, UnicodeDecodeError, struct.error) as error:
        raise PickleFormatError(f"damaged pickle: {error}") from error


class _Machine:
    """The stack, the memo and the budget of one run."""

    def __init__(
        self,
        stream: BinaryIO,
        size: int,
        rebuild: Rebuild,
        persistent: Persistent,
        set_state: SetState | None,
        limits: PickleLimits,
    ) -> None:
        self._stream = stream
        self._left = size
        self._rebuild = rebuild
        self._persistent = persistent
        self._set_state = set_state
        self._budget = PickleBudget(limits, size)
        self._stack: list[object] = []
        self._below: list[list[object]] = []  # the stacks under each open MARK
        self._memo: dict[int, object] = {}

    def run(self) -> object:
        while True:
            opcode = self.read(1)
            if opcode == b".":
                return self._stack[-1]
            self._budget.spend(1, _STEP_BYTES)
            if opcode in _CONSTANTS:
                self._stack.append(_CONSTANTS[opcode])
            elif opcode in _NUMBERS:
                self._stack.append(self.number(_NUMBERS[opcode]))
            elif opcode in _TEXTS:
                width, decode = _TEXTS[opcode]
                self._stack.append(decode(self.sized(width)))
            elif opcode in _OPCODES:
                _OPCODES[opcode](self)
            else:
                raise PickleFormatError(f"unknown or text-protocol opcode {opcode!r}")

    # -- reading ---------------------------------------------------------------------------
    def read(self, count: int) -> bytes:
        if count > self._left:
            raise PickleFormatError(f"cut short: {count} bytes declared, {self._left} left")
        data = self._stream.read(count)
        if len(data) != count:
            raise PickleFormatError("cut short")
        self._left -= count
        return data

    def number(self, layout: str) -> int | float:
        return struct.unpack(layout, self.read(struct.calcsize(layout)))[0]

    def sized(self, width: int) -> bytes:
        count = int.from_bytes(self.read(width), "little")
        self._budget.spend(0, min(count, self._left))
        return self.read(count)

    def line(self) -> str:
        data = self._stream.readline(min(MAX_NAME, self._left))
        self._left -= len(data)
        if not data.endswith(b"\n"):
            raise PickleFormatError("a name is cut short or too long")
        return data[:-1].decode("utf-8")

    # -- the stack -------------------------------------------------------------------------
    def _pop_mark(self) -> list[object]:
        items = self._stack
        self._stack = self._below.pop()
        return items

    def mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._pop_mark()

    def pop_mark(self) -> None:
        self._pop_mark()

    def duplicate(self) -> None:
        self._stack.append(self._stack[-1])

    def skip_protocol(self) -> None:
        self.read(1)

    def skip_frame(self) -> None:
        self.read(8)

    def memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def put(self, width: int) -> None:
        self._memo[int.from_bytes(self.read(width), "little")] = self._stack[-1]

    def get(self, width: int) -> None:
        index = int.from_bytes(self.read(width), "little")
        if index not in self._memo:
            raise PickleFormatError(f"nothing is remembered under {index}")
        self._stack.append(self._memo[index])

    # -- values ----------------------------------------------------------------------------
    def long(self, width: int) -> None:
        self._stack.append(int.from_bytes(self.sized(width), "little", signed=True))

    def new(
        self, make: type[dict[object, object]] | type[list[object]] | type[set[object]]
    ) -> None:
        self._budget.spend(0, _EMPTY_BYTES[make])
        self._stack.append(make())

    def new_tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise PickleFormatError("the stack is empty")
        items = tuple(self._stack[-count:])
        self._stack[-count:] = [items]

    def marked_tuple(self) -> None:
        items = tuple(self._pop_mark())
        self._stack.append(items)

    def marked_list(self) -> None:
        items = self._pop_mark()
        self._stack.append(items)

    def marked_set(self) -> None:
        items = self._pop_mark()
        self._budget.spend(0, _EMPTY_BYTES[set])
        self._stack.append({self._budget.key(item) for item in items})

    def marked_dict(self) -> None:
        items = self._pop_mark()
        self.new(dict)
        self._set_items(items)

    def append(self) -> None:
        self._extend([self._stack.pop()])

    def appends(self) -> None:
        self._extend(self._pop_mark())

    def _extend(self, items: list[object]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, set):
            target.update(self._budget.key(item) for item in items)
        elif not isinstance(target, Opaque):
            raise PickleFormatError(f"cannot append to a {type(target).__name__}")

    def set_item(self) -> None:
        value = self._stack.pop()
        self._set_items([self._stack.pop(), value])

    def set_items(self) -> None:
        self._set_items(self._pop_mark())

    def _set_items(self, items: list[object]) -> None:
        target = self._stack[-1]
        if len(items) % 2:
            raise PickleFormatError("a key has no value")
        if isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                target[self._budget.key(key)] = value
        elif not isinstance(target, Opaque):
            raise PickleFormatError(f"cannot set an item of a {type(target).__name__}")

    # -- names and calls: nothing is imported, nothing is called ----------------------------
    def global_name(self) -> None:
        module = self.line()
        self._stack.append(Name(module, self.line()))

    def stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise PickleFormatError("a name that is not text")
        self._stack.append(Name(module[:MAX_NAME], name[:MAX_NAME]))

    def extension(self, width: int) -> None:
        self.read(width)
        self._stack.append(Opaque("copyreg extension"))

    def reduce(self) -> None:
        arguments = self._stack.pop()
        self._stack.append(self._call(self._stack.pop(), arguments))

    def new_object_ex(self) -> None:
        keywords, arguments = self._stack.pop(), self._stack.pop()
        target = self._stack.pop()
        self._stack.append(
            Opaque("object with keywords") if keywords else self._call(target, arguments)
        )

    def marked_object(self) -> None:
        items = self._pop_mark()
        self._stack.append(Opaque(items[0] if isinstance(items[0], Name) else "object"))

    def instance(self) -> None:
        name = Name(self.line(), self.line())
        self._pop_mark()
        self._stack.append(Opaque(name))

    def build(self) -> None:
        """Passes a state to `set_state`; no attribute is set, no __setstate__ looked for."""
        state = self._stack.pop()
        if not self._stack:
            raise PickleFormatError("a state without an object")
        if self._set_state is not None:
            self._set_state(self._stack[-1], state)

    def persistent_id(self) -> None:
        self._budget.spend(0, _CALL_BYTES)
        self._stack.append(self._persistent(self._stack.pop()))

    def _call(self, target: object, arguments: object) -> object:
        self._budget.spend(0, _CALL_BYTES)
        if not isinstance(target, Name):
            return Opaque("call of a value")
        if not isinstance(arguments, tuple):
            return Opaque(target)
        container = str(target)
        if container in _MAPPINGS:
            return self._mapping(arguments)
        if container in _SETS:
            return self._set(arguments)
        return self._rebuild(target, arguments)

    def _mapping(self, arguments: tuple[object, ...]) -> dict[object, object]:
        """An OrderedDict, filled by later opcodes, or (Python 2) from a list of pairs."""
        pairs = arguments[-1] if arguments else ()
        result: dict[object, object] = {}
        if isinstance(pairs, (list, tuple)):
            # The same list may be asked for many times.
            self._budget.spend(len(pairs), _EMPTY_BYTES[dict])
            for pair in pairs:
                if isinstance(pair, (list, tuple)) and len(pair) == 2:
                    result[self._budget.key(pair[0])] = pair[1]
        return result

    def _set(self, arguments: tuple[object, ...]) -> set[object]:
        items = arguments[0] if arguments else ()
        if not isinstance(items, (list, tuple)):
            return set()
        self._budget.spend(len(items), _EMPTY_BYTES[set])
        return {self._budget.key(item) for item in items}


_MAPPINGS = frozenset(
    ("collections.OrderedDict", "collections.defaultdict", "builtins.dict", "__builtin__.dict")
)
_SETS = frozenset(
    ("builtins.set", "builtins.frozenset", "__builtin__.set", "__builtin__.frozenset")
)
_CONSTANTS: Mapping[bytes, object] = {b"N": None, b"\x88": True, b"\x89": False, b")": ()}
_NUMBERS: Mapping[bytes, str] = {b"K": "<B", b"M": "<H", b"J": "<i", b"G": ">d"}
_TEXTS: Mapping[bytes, tuple[int, Callable[[bytes], object]]] = {
    b"X": (4, decode_text),
    b"\x8c": (1, decode_text),
    b"\x8d": (8, decode_text),
    b"U": (1, decode_python2_text),
    b"T": (4, decode_python2_text),
    b"C": (1, bytes),
    b"B": (4, bytes),
    b"\x8e": (8, bytes),
    b"\x96": (8, bytes),
}
_OPCODES: Mapping[bytes, Callable[[_Machine], None]] = {
    b"\x80": _Machine.skip_protocol,
    b"\x95": _Machine.skip_frame,
    b"(": _Machine.mark,
    b"0": _Machine.pop,
    b"1": _Machine.pop_mark,
    b"2": _Machine.duplicate,
    b"q": lambda machine: machine.put(1),
    b"r": lambda machine: machine.put(4),
    b"\x94": _Machine.memoize,
    b"h": lambda machine: machine.get(1),
    b"j": lambda machine: machine.get(4),
    b"\x8a": lambda machine: machine.long(1),
    b"\x8b": lambda machine: machine.long(4),
    b"}": lambda machine: machine.new(dict),
    b"]": lambda machine: machine.new(list),
    b"\x8f": lambda machine: machine.new(set),
    b"t": _Machine.marked_tuple,
    b"\x85": lambda machine: machine.new_tuple(1),
    b"\x86": lambda machine: machine.new_tuple(2),
    b"\x87": lambda machine: machine.new_tuple(3),
    b"l": _Machine.marked_list,
    b"d": _Machine.marked_dict,
    b"\x91": _Machine.marked_set,
    b"a": _Machine.append,
    b"e": _Machine.appends,
    b"\x90": _Machine.appends,
    b"s": _Machine.set_item,
    b"u": _Machine.set_items,
    b"c": _Machine.global_name,
    b"\x93": _Machine.stack_global,
    b"\x82": lambda machine: machine.extension(1),
    b"\x83": lambda machine: machine.extension(2),
    b"\x84": lambda machine: machine.extension(4),
    b"R": _Machine.reduce,
    b"\x81": _Machine.reduce,
    b"\x92": _Machine.new_object_ex,
    b"o": _Machine.marked_object,
    b"i": _Machine.instance,
    b"b": _Machine.build,
    b"Q": _Machine.persistent_id,
}
