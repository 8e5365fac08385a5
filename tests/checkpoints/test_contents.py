"""What a checkpoint holds: plain types and tensors, everything else refused with its place."""

import functools
import random
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from epochal.checkpoints import load_file, random_state, save_file  # noqa: E402
from epochal.core.errors import CheckpointError  # noqa: E402

pytestmark = pytest.mark.torch


class Level(IntEnum):
    """A number with a name."""

    HIGH = 3


class Pair(NamedTuple):
    """A tuple with names."""

    left: int


@dataclass
class Options:
    """A user's configuration."""

    lr: float


class Marked(torch.Tensor):
    """A tensor of a user's class."""


def kept(tmp_path, value):
    """What comes back of a value."""
    path = tmp_path / "a.pt"
    save_file(path, {"value": value})
    return load_file(path)["value"]


@pytest.mark.parametrize(
    "value",
    [
        None, True, -7, 2**100, 0.1, float("inf"), "日本", "", [1, [2.5, None]], (1, ("a",)), {},
        {1: "a", "b": {None: 2.0}, (1, "x"): []}, OrderedDict(b=1, a=2), torch.float16,
    ],
    ids=repr,
)  # fmt: skip
def test_plain_values_come_back(tmp_path, value):
    """Types and values of everything plain."""
    found = kept(tmp_path, value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5), (np.int64(3), 3), (np.bool_(1), True), (np.str_("a"), "a"),
        (Level.HIGH, 3), (torch.Size([2, 3]), (2, 3)), (defaultdict(list, a=[1]), {"a": [1]}),
        (np.float64(0.1), 0.1),
    ],
    ids=repr,
)  # fmt: skip
def test_subclasses_become_plain(tmp_path, value, expected):
    """NumPy's numbers, enum members and the like become what they are made of."""
    found = kept(tmp_path, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "dtype", ["float64", "float16", "int8", "bool", "uint8", "uint16", "uint32", "uint64", ">f4"]
)
def test_arrays_become_tensors(tmp_path, dtype):
    """Any numeric dtype and byte order, 0-d and read-only arrays too, without a warning."""
    array = np.array([[0, 1], [1, 0]], dtype=dtype)[:, ::-1]
    array.flags.writeable = False
    found = kept(tmp_path, array)
    assert isinstance(found, torch.Tensor)
    assert found.tolist() == array.tolist()
    assert kept(tmp_path, np.array(2.5)).shape == ()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({1, 2}, "a set, which a checkpoint cannot hold: give sorted"),
        (lambda x: x, "a function"),
        (functools.partial(print), "code is not data"),
        (b"bytes", "give text"),
        (Path("a"), "give str"),
        (Options(0.1), "dataclasses.asdict"),
        (Pair(1), "_asdict"),
        (torch.nn.Linear(1, 1), "state_dict"),
        (torch.device("cpu"), "give str"),
        (1j, "give a tensor"),
        (np.array(["a"]), "dtype <U1"),
        (np.array([2**63], dtype=np.uint64), "2\\*\\*63"),
        (1 << 3000, "3,001 bits"),
        (torch.empty(2, device="meta"), "meta"),
        (torch.nn.LazyLinear(1).weight, "no values yet"),
        (np.datetime64("2026-01-01"), "date"),
        ({torch.ones(1): 1}, "the key"),
        (type, "give its name"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)  # fmt: skip
def test_anything_else_is_refused(tmp_path, value, says):
    """The message names the place and the remedy; no file is left."""
    path = tmp_path / "a.pt"
    with pytest.raises(CheckpointError, match=says) as caught:
        save_file(path, {"scheduler_state_dict": {"lambdas": [None, value]}})
    assert "scheduler_state_dict.lambdas[1]" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_cycle_is_refused(tmp_path):
    """What holds itself is told and does not hang."""
    endless = []
    endless.append(endless)
    with pytest.raises(CheckpointError, match="holds itself"):
        save_file(tmp_path / "a.pt", {"endless": endless})


def test_tensors_lose_what_is_around_them(tmp_path):
    """Parameters, subclasses, gradients and attributes: the values alone are kept."""
    parameter = torch.nn.Parameter(torch.ones(2))
    (parameter * 2).sum().backward()
    parameter.note = lambda: None
    found = kept(tmp_path, [parameter, torch.ones(2).as_subclass(Marked), parameter * 2])
    for tensor in found:
        assert type(tensor) is torch.Tensor
        assert not tensor.requires_grad
        assert tensor.grad is None
        assert not hasattr(tensor, "note")
    assert found[2].tolist() == [2.0, 2.0]


def test_shared_memory_stays_shared(tmp_path):
    """Tied weights are stored once and are one after loading; so are views."""
    weight = torch.arange(100_000.0)
    first, second, view = kept(tmp_path, [weight, weight, weight[10:20]])
    assert (tmp_path / "a.pt").stat().st_size < 500_000
    first[12] = -1
    assert (second[12], view[2]) == (-1, -1)


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.complex64, torch.float8_e4m3fn, torch.bool], ids=str
)
def test_types_of_tensors(tmp_path, dtype):
    """Values and dtype, also transposed and empty ones."""
    tensor = torch.tensor([[0, 1], [1, 0]]).to(dtype).T
    found = kept(tmp_path, tensor)
    assert found.dtype == dtype
    assert torch.equal(found.to(torch.complex64), tensor.to(torch.complex64))
    assert kept(tmp_path, torch.empty(0, 3, dtype=dtype)).shape == (0, 3)


def test_sparse_tensors(tmp_path):
    """They stay sparse."""
    found = kept(tmp_path, torch.eye(3).to_sparse())
    assert found.is_sparse
    assert torch.equal(found.to_dense(), torch.eye(3))


def test_the_versions_of_a_module_are_kept(tmp_path):
    """``_metadata`` of a state dict, by which modules load older states."""
    state = torch.nn.BatchNorm1d(2).state_dict()
    assert kept(tmp_path, state)._metadata == state._metadata


GENERATORS = {
    "pcg": lambda: np.random.default_rng(1),
    "mt": lambda: np.random.Generator(np.random.MT19937(1)),
    "philox": lambda: np.random.Generator(np.random.Philox(1)),
    "sfc": lambda: np.random.Generator(np.random.SFC64(1)),
    "random": lambda: random.Random(1),
    "torch": lambda: torch.Generator().manual_seed(1),
}


def drawn(generator):
    """The next numbers of a generator."""
    if isinstance(generator, torch.Generator):
        return torch.randn(5, generator=generator).tolist()
    normal = getattr(generator, "standard_normal", None) or (lambda: generator.gauss(0, 1))
    return [generator.random(), float(normal()), generator.random()]


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_go_on_where_they_were(tmp_path, name):
    """A state that went through a file gives the same numbers."""
    generator = GENERATORS[name]()
    drawn(generator)
    state = kept(tmp_path, random_state.capture({"mine": generator}))
    expected = drawn(generator)
    fresh = GENERATORS[name]()
    random_state.restore({"generators": state["generators"]}, {"mine": fresh}, "a.pt")
    assert drawn(fresh) == expected


def test_global_generators_go_on_where_they_were(tmp_path):
    """Python, NumPy and PyTorch."""

    def numbers():
        of_numpy = float(np.random.random_sample())  # noqa: NPY002 - the global one
        return [random.random(), of_numpy, torch.rand(3).tolist()]

    numbers()
    state = kept(tmp_path, random_state.capture())
    expected = numbers()
    numbers()
    random_state.restore(state, None, "a.pt")
    assert numbers() == expected


def test_what_is_no_generator_is_refused():
    """Saving and loading name it."""
    with pytest.raises(CheckpointError, match=r"generators\['loader'\] is a int"):
        random_state.capture({"loader": 3})
    with pytest.raises(CheckpointError, match="no generator 'loader': it has none"):
        random_state.restore({}, {"loader": torch.Generator()}, "a.pt")
    with pytest.raises(CheckpointError, match="rng=False"):
        random_state.restore({"torch": torch.zeros(3, dtype=torch.uint8)}, None, "a.pt")
