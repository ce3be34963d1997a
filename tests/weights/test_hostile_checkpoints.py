"""Nothing that a checkpoint asks for is ever imported, called, set or obeyed."""

import io
import os
import pickle
import struct
import sys
import tracemalloc
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from torch_bytes import plain, tensor_pickle

from rtmpose3d.errors import WeightsError
from rtmpose3d.untrusted.limits import CHECKPOINT_PICKLE, DATASET_PICKLE
from rtmpose3d.weights import open_torch_file, read_checkpoint
from rtmpose3d.weights.checkpoints.inert_pickle import load
from rtmpose3d.weights.checkpoints.pickle_values import Opaque, PickleFormatError
from rtmpose3d.weights.checkpoints.torch_writer import _tensor

MAX_OPCODES = CHECKPOINT_PICKLE.max_steps
TENSOR = plain("w") + _tensor(0, np.arange(6, dtype=np.float32).reshape(2, 3))
STORAGE = {"0": np.arange(6, dtype=np.float32).tobytes()}


def next_to_a_tensor(hostile: bytes) -> bytes:
    """{"state_dict": {"w": tensor}, "meta": <hostile>} hostile opcodes as they are."""
    state_dict = plain("state_dict") + b"}(" + TENSOR + b"u"
    return b"\x80\x02}(" + state_dict + plain("meta") + hostile + b"u."


class Reduces:
    """Pickles as the call of a function."""

    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def opcodes(value) -> bytes:
    """A pickle's opcodes without its PROTO and STOP, memo indices and all."""
    return pickle.dumps(value, protocol=2)[2:-1]


def call(module: str, name: str, *arguments) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(map(plain, arguments)) + b"tR"


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """A path that any executed payload would create; it must not."""
    path = tmp_path / "canary"
    monkeypatch.chdir(tmp_path)
    yield path
    assert not path.exists()


PAYLOADS = {
    "os.system": lambda c: call("os", "system", f"touch {c}"),
    "posix.system": lambda c: call("posix", "system", f"touch {c}"),
    "nt.system": lambda c: call("nt", "system", f"echo > {c}"),
    "subprocess": lambda c: call("subprocess", "getoutput", f"touch {c}"),
    "eval": lambda c: call("builtins", "eval", f"open({str(c)!r}, 'w')"),
    "exec": lambda c: call("__builtin__", "exec", f"open({str(c)!r}, 'w')"),
    "open": lambda c: call("io", "open", str(c), "w"),
    "getattr chain": lambda c: (
        b"cbuiltins\ngetattr\n("
        + call("builtins", "__import__", "os")
        + plain("system")
        + b"tR("
        + plain(f"touch {c}")
        + b"tR"
    ),
    "dotted name": lambda c: call("torch._utils", "_rebuild_tensor_v2.__globals__.clear"),
    "torch.hub": lambda c: call("torch.hub", "load", "a/b", "c"),
    "torch.load": lambda c: call("torch.serialization", "load", str(c)),
    "importlib": lambda c: call("importlib", "import_module", "antigravity"),
    "stack_global": lambda c: (
        plain("os") + plain("system") + b"\x93(" + plain(f"touch {c}") + b"tR"
    ),
    "newobj": lambda c: b"cos\nsystem\n(" + plain(f"touch {c}") + b"t\x81",
    "newobj_ex": lambda c: b"cos\nsystem\n(" + plain(f"touch {c}") + b"t}\x92",
    "inst": lambda c: b"(" + plain(f"touch {c}") + b"ios\nsystem\n",
    "obj": lambda c: b"(cos\nsystem\n" + plain(f"touch {c}") + b"o",
    "ext1": lambda c: b"\x82\x01(" + plain(f"touch {c}") + b"tR",
    "ext4": lambda c: b"\x84\x01\x00\x00\x00",
    "build on a module": lambda c: b"cos\n__dict__\n}(" + plain("system") + b"Nub",
    "setstate": lambda c: call("functools", "partial", 1) + opcodes({"__setstate__": 1}) + b"b",
    "persistent": lambda c: call("os", "system", f"touch {c}") + b"Q",
    "call of a call": lambda c: b"N(" + plain(1) + b"tR(tR",
    "call of a tensor": lambda c: TENSOR[len(plain("w")) :] + b"(tR",
    "reduce by pickle": lambda c: opcodes(Reduces(os.system, f"touch {c}")),
    "nested pickle": lambda c: (
        b"c_pickle\nloads\n(B"
        + struct.pack("<I", len(pickle.dumps(Reduces(os.system, f"touch {c}"))))
        + pickle.dumps(Reduces(os.system, f"touch {c}"))
        + b"tR"
    ),
    "partial": lambda c: opcodes(partial(os.system, f"touch {c}")),
    "numpy scalar": lambda c: opcodes(np.float64(3)),
    "numpy array": lambda c: opcodes(np.arange(4.0)),
    "numpy object array": lambda c: opcodes(np.array([Reduces(os.system, f"touch {c}")])),
    "path": lambda c: opcodes(Path("/etc/passwd")),
    "unhashable key": lambda c: b"}(" + b"]" + plain(1) + b"u",
    "deep tuple as key": lambda c: b"}" + b")" + b"\x85" * 200_000 + plain(1) + b"s",
    "doubling tuple as key": lambda c: b"})" + b"2\x86" * 200 + plain(1) + b"s",
    "tensor as key": lambda c: b"}(" + TENSOR[len(plain("w")) :] + plain(1) + b"u",
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_next_to_the_weights_is_inert_and_the_weights_are_read(name, canary, save_pickle):
    path = save_pickle(next_to_a_tensor(PAYLOADS[name](canary)), STORAGE)
    assert read_checkpoint(path)["w"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_in_place_of_a_weight_is_inert(name, canary, save_pickle):
    hostile = plain("state_dict") + b"}(" + plain("w") + PAYLOADS[name](canary) + b"u"
    path = save_pickle(b"\x80\x02}(" + hostile + b"u.", STORAGE)
    if name == "tensor as key":
        return
    with pytest.raises(WeightsError):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("elsewhere", "OrderedDict"), ("elsewhere", "set"), ("elsewhere", "Size")],
)
def test_an_unknown_object_keeps_nothing_but_its_name(save_pickle, module, name):
    path = save_pickle(b"\x80\x02" + call(module, name, "x") + b".")
    with open_torch_file(path) as file:
        assert isinstance(file.root, Opaque)
        assert str(file.root.what) == f"{module}.{name}"
    with pytest.raises(WeightsError, match=rf"pickled object \({module}\.{name}\)"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        (5, True),
        (2**32, False),
        (-(2**61), False),
        ((1,) * 8, True),
        ((1,) * 9, False),
        (1.5, False),
    ],
)
def test_only_keys_that_are_cheap_to_hash_are_kept(key, kept):
    """Large integers could be chosen to collide; Python hashes a tuple again for every look-up."""
    pickled = pickle.dumps({key: "value"}, protocol=2)
    mapping = load(
        io.BytesIO(pickled),
        len(pickled),
        rebuild=lambda called, arguments: Opaque(called),
        persistent=lambda identity: Opaque("x"),
        limits=DATASET_PICKLE,
    )
    assert list(mapping.values()) == ["value"]
    assert (key in mapping) == kept


def test_nothing_is_imported(save_pickle):
    read_checkpoint(save_pickle(next_to_a_tensor(b"cantigravity\nx\n(tR"), STORAGE))
    assert "antigravity" not in sys.modules


DEEP = 20_000  # far beyond what recursion survives
BOMBS = {
    "lists of lists": b"(]q\x00" + (b"](" + b"h\x00" * 10 + b"eq\x00") * 50 + b"t",
    "lists nested deep": b"]" * DEEP + b"a" * (DEEP - 1),
    "dicts nested deep": (b"}" + plain("a")) * DEEP + b"N" + b"s" * DEEP,
    "tuples nested deep": b")" + b"\x85" * DEEP,
    "marks without end": b"(" * DEEP + b"N",
    "text of 4 GB declared": b"X\xff\xff\xff\xff",
    "text of 2**62 declared": b"\x8d" + struct.pack("<Q", 2**62),
    "integer of 2 GB declared": b"\x8b\xff\xff\xff\x7f",
    "memo index of 2**32": b"Nr\xff\xff\xff\xff",
    "memo that is missing": b"j\xff\xff\xff\xff",
    "pop of nothing": b"0" * 100,
    "text protocol": b"I1\n",
    "unknown opcode": b"\xff",
    "name without end": b"c" + b"a" * 100_000,
}
HARMLESS = {"lists of lists", "lists nested deep", "dicts nested deep", "tuples nested deep"} | {
    "memo index of 2**32"
}
BYTES_PER_OPCODE = 300  # an empty dict and its slots; the memory of a pickle grows with its length


@pytest.mark.parametrize("name", BOMBS)
def test_the_memory_of_a_bomb_is_bounded_by_its_length(name, save_pickle):
    path = save_pickle(next_to_a_tensor(BOMBS[name]), STORAGE)
    tracemalloc.start()
    try:
        if name in HARMLESS:
            assert read_checkpoint(path)["w"].shape == (2, 3)
        else:
            with pytest.raises(WeightsError):
                read_checkpoint(path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < BYTES_PER_OPCODE * path.stat().st_size + 2**20


AMPLIFIERS = {
    "endless steps": b"N0" * 10_000,
    "pairs copied over and over": (
        b"]("
        + b"NN\x86" * 1000
        + b"eq\x00ccollections\nOrderedDict\nq\x010"
        + b"h\x01h\x00\x85R0" * 10_000
    ),
    "sets copied over and over": (
        b"](" + b"K\x01" * 1000 + b"eq\x00cbuiltins\nset\nq\x010" + b"h\x01h\x00\x85R0" * 10_000
    ),
}


@pytest.mark.parametrize("name", AMPLIFIERS)
def test_the_work_of_a_bomb_is_bounded_by_its_budget_of_steps(name):
    """Calls are counted, of Python and of C: the work, whatever the machine's speed."""
    budget, calls = 10_000, 0

    def count(frame, event, argument) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    pickled = b"\x80\x02" + AMPLIFIERS[name] + b"."
    sys.setprofile(count)
    try:
        with pytest.raises(PickleFormatError, match="more than 10,000 steps"):
            load(
                io.BytesIO(pickled),
                len(pickled),
                rebuild=lambda called, arguments: Opaque(called),
                persistent=lambda identity: Opaque("x"),
                limits=replace(CHECKPOINT_PICKLE, max_steps=budget),
            )
    finally:
        sys.setprofile(None)
    assert calls < 20 * budget


def test_a_checkpoint_has_a_budget_of_steps(save_pickle):
    with pytest.raises(WeightsError, match=f"more than {MAX_OPCODES:,} steps"):
        read_checkpoint(save_pickle(next_to_a_tensor(b"N" * MAX_OPCODES), STORAGE))


@pytest.mark.parametrize(
    ("count", "offset", "shape", "strides"),
    [
        (6, 0, (2**62,), (1,)),
        (2**62, 0, (2**62,), (1,)),
        (2**62, 0, (6,), (1,)),
        (6, 0, (2**40,), (0,)),
        (6, 0, (2**21, 2**21, 2**21), (0, 0, 0)),
        (6, 0, (0, 2**62), (1, 1)),
        (6, 0, (7,), (1,)),
        (6, 1, (6,), (1,)),
        (6, 2**62, (1,), (1,)),
        (6, 0, (2,), (2**62,)),
        (6, 0, (2, 3), (1,)),
        (6, -1, (1,), (1,)),
        (6, 0, (-1,), (1,)),
        (6, 5, (3,), (-1,)),
        (-6, 0, (6,), (1,)),
        (100, 0, (100,), (1,)),
        (6, 0, (1,) * 65, (1,) * 65),
        (6, 0.0, (6,), (1,)),
        (6, True, (5,), (1,)),
        (6, 0, (True,), (1,)),
        (6, 0, ("6",), (1,)),
        (6, None, (6,), (1,)),
    ],
)
def test_impossible_layouts_are_refused(save_pickle, count, offset, shape, strides):
    path = save_pickle(tensor_pickle(count, offset, shape, strides), STORAGE)
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError):
            read_checkpoint(path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2**22


@pytest.mark.parametrize(
    "storage",
    [
        "torch\nQInt8Storage",
        "torch\nComplexFloatStorage",
        "torch\nNoStorage",
        "torch\nUntypedStorage",
        "elsewhere\nFloatStorage",
    ],
)
def test_storages_that_are_not_read_are_refused(save_pickle, storage):
    path = save_pickle(tensor_pickle(6, 0, (6,), (1,), storage), STORAGE)
    with pytest.raises(WeightsError, match=r"holds no tensors|of a type that is not read"):
        read_checkpoint(path)


@pytest.mark.parametrize("key", ["1", "../0", "/etc/passwd", "", "a" * 10_000])
def test_a_storage_that_is_not_in_the_file_is_refused(save_pickle, key):
    path = save_pickle(tensor_pickle(6, 0, (6,), (1,), key=key), STORAGE)
    with pytest.raises(WeightsError, match="lacks its storage") as caught:
        read_checkpoint(path)
    assert len(str(caught.value)) < 500


def test_many_names_of_one_storage_cannot_fill_the_memory(save_pickle):
    one = np.zeros(2**20, np.float32)
    broadcast = tensor_pickle(2**20, 0, (2**20,), (1,))[4:-2]
    renamed = b"".join(broadcast.replace(plain("w"), plain(f"w{i}"), 1) for i in range(100))
    path = save_pickle(b"\x80\x02}(" + renamed + b"u.", {"0": one.tobytes()})
    with pytest.raises(WeightsError, match="far more memory"):
        read_checkpoint(path)
