"""A public function is given types that are nearly right: meant, or refused by name, never a raw TypeError."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

import numpy as np
import pytest
import torch
from beartype import BeartypeConf
from beartype.door import is_bearable

import ensemble_kit as ek
from ensemble_kit.errors import EnsembleKitError, InvalidOptionError
from ensemble_kit.pipeline.entry.argument_types import fit_arguments

FUNCTIONS = [name for name in ek.__all__ if inspect.isfunction(getattr(ek, name))]
NEARLY = {
    "text": lambda: "cnn",
    "bytes": lambda: b"cnn",
    "path": lambda: Path("cnn"),
    "generator of texts": lambda: (one for one in ("cnn", "mlp")),
    "generator of paths": lambda: (Path(one) for one in ("cnn", "mlp")),
    "generator of numbers": lambda: (np.float32(one) for one in (1, 2, 3)),
    "array of texts": lambda: np.array(["cnn", "mlp"]),
    "set": lambda: {"cnn", "mlp"},
    "dictionary": lambda: {"cnn": np.float64(1.0)},
    "nothing": lambda: None,
    "whole": lambda: np.int64(3),
    "number": lambda: np.float32(0.5),
    "whole float": lambda: 3.0,
    "truth": lambda: np.bool_(True),
    "zero-dimensional": lambda: np.array(3),
    "tensor": lambda: torch.tensor(0.5),
    "object": object,
    "class": lambda: int,
}
MEANT = (
    (int, np.int64(3), 3),
    (int, 3.0, 3),
    (float, np.float32(0.5), 0.5),
    (bool, np.bool_(True), True),
    (str, np.str_("cnn"), "cnn"),
    (Path, Path("cnn"), "cnn"),
    (Mapping[str, float], {"cnn": np.float64(1.0)}, {"cnn": 1.0}),
    (tuple[float, float, float], np.array([1.0, 2.0, 3.0]), (1.0, 2.0, 3.0)),
)
TOWER = BeartypeConf(is_pep484_tower=True)


def _fitted(function, parameter, value):
    signature = inspect.signature(getattr(ek, function))
    if parameter.kind is parameter.KEYWORD_ONLY:
        return fit_arguments(function, signature, (), {parameter.name: value})[1][parameter.name]
    before = list(signature.parameters).index(parameter.name)
    defaults = [one.default for one in list(signature.parameters.values())[:before]]
    return fit_arguments(function, signature, (*defaults, value), {})[0][before]


def _tried(function, parameter, value):
    """Return what becomes of a value, or the refusal."""
    try:
        return _fitted(function, parameter, value)
    except InvalidOptionError as error:
        return error


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_argument_is_of_its_declared_type_or_refused_by_name(function):
    for parameter in inspect.signature(getattr(ek, function)).parameters.values():
        for value in (make() for make in NEARLY.values()):
            fitted = _tried(function, parameter, value)
            if isinstance(fitted, InvalidOptionError):
                assert str(fitted).startswith(f"{function}(): {parameter.name}= is ")
                assert "; wanted " in str(fitted)
            else:
                assert value is parameter.default or is_bearable(fitted, parameter.annotation, conf=TOWER), fitted
                assert not isinstance(fitted, np.generic | np.ndarray)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_meant_is_taken(function):
    for parameter in inspect.signature(getattr(ek, function)).parameters.values():
        hint = parameter.annotation
        hints = set(get_args(hint)) if get_origin(hint) in (Union, UnionType) else {hint}
        for kind, value, wanted in MEANT:
            if kind in hints:
                fitted = _fitted(function, parameter, value)
                assert type(fitted) is type(wanted) or isinstance(value, Path)
                assert str(fitted) == str(wanted)
        if get_origin(hint) is Sequence and get_args(hint) != (float,):
            assert [str(one) for one in _fitted(function, parameter, "cnn")] == ["cnn"]
            assert [str(one) for one in _fitted(function, parameter, Path("cnn"))] == ["cnn"]
            assert [str(one) for one in _fitted(function, parameter, (one for one in ("b", "a")))] == ["b", "a"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ek.blend(members=3), r"blend\(\): members= is 3 \(int\); wanted a list of texts\."),
        (lambda: ek.train("d", epochs=2.5), r"train\(\): epochs= is 2\.5 \(float\); wanted a whole number or None\."),
        (lambda: ek.train("d", seed=True), r"train\(\): seed= is True \(bool\); wanted a whole number\."),
        (lambda: ek.tta("c", mean=(1, 2)), r"tta\(\): mean= is \(1, 2\) \(tuple\); wanted 3 numbers or None\."),
        (lambda: ek.tta(None), r"tta\(\): ckpt= is None; wanted a text, a path or a function\."),
        (lambda: ek.blend(weights=["a"]), r"weights= is \['a'\] .*; wanted a text or a dictionary of texts to numbers"),
        (lambda: ek.train(data=b"d"), r"train\(\): data= is b'd' \(bytes\); wanted a text, a path or None\."),
        (lambda: ek.train("d", predictions=None), r"train\(\): predictions= is None; wanted a text or a path\."),
    ],
)
def test_the_refusal_says_what_was_wanted_and_what_came(tmp_path, monkeypatch, call, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidOptionError, match=said):
        call()


def test_the_doors_themselves_take_what_is_nearly_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toy = Path(__file__).parents[3] / "predictions" / "toy"
    names = sorted(one.name for one in toy.iterdir() if one.is_dir())[:2]
    report = ek.blend(members=(one for one in names), predictions=toy, blends=Path("two"), weights="equal")
    assert list(report.numbers.weights) == names
    for call in (lambda: ek.predict(Path("new"), blend=Path("b")), lambda: ek.compare(Path("a"), np.str_("b"))):
        with pytest.raises(EnsembleKitError):
            call()


def test_more_arguments_than_there_are_stay_the_functions_own_to_refuse():
    with pytest.raises(TypeError, match="positional argument"):
        ek.zoo(1, 2, 3, 4)
