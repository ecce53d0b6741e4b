"""The graph of a blend against our own views, votes and resize, which it does not share, in ONNX Runtime."""

from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from through import through
from torch import nn

import models_zoo
from ensemble_kit.ensembling.combining import apply as applying
from ensemble_kit.ensembling.combining.table import METHODS
from ensemble_kit.ensembling.combining.voting import TIE_WIDTH
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.images.decode import resize
from ensemble_kit.inference.blend_graph import casts
from ensemble_kit.inference.blend_graph.casts import decide
from ensemble_kit.inference.blend_graph.graph import INPUT, OUTPUTS, BlendGraph, Count, MemberGraph, Reordered
from ensemble_kit.inference.blend_graph.pixels import squared
from ensemble_kit.inference.engines import onnx_export
from ensemble_kit.inference.engines.onnx_export import graph_bytes
from ensemble_kit.inference.views.views import parse_views
from ensemble_kit.types import Pool, Stack, Tuned

FAMILIES = {
    "turns": "d4",
    "crops": "five-crop,crop@0.8:0.25x0.5,random:1@7",
    "scales": "scale@1.2,scale@0.9,scale@0.8:zero,scale@0.8:reflect",
    "shifts": "shift@0.1:left,shift@0.2:up:reflect,shift@0.1:down:zero",
    "tones": "brightness@1.1,contrast@1.2,saturation@0.8,gamma@0.9,sharpness@0.6,grey",
    "joined": "contrast@1.1*rot90*scale@0.9,crop@0.75:tl*hflip",
}
WEIGHTS = np.array([0.4, 0.1, 0.5])
CLASSES = tuple("abcdefg")


class Flat(nn.Module):
    """A network that gives a weighted sum of all pixels: another pixel anywhere is another logit."""

    def __init__(self, side_px, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.linear = nn.Linear(3 * side_px**2, len(CLASSES))

    def forward(self, pixels):
        return self.linear(pixels.flatten(1))


class Pixels(nn.Module):
    """A network that gives the pixels themselves as logits."""

    def forward(self, pixels):
        return pixels.flatten(1)


def images(count, height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, height, width), dtype=np.uint8)


def opened(module, side_px=None, metadata=()):
    """Return a session on the graph of a module."""
    sample = torch.zeros(2, 3, *((41, 53) if side_px is None else (side_px, side_px)), dtype=torch.uint8)
    axes = {0: "images"} | ({2: "height", 3: "width"} if side_px is None else {})
    graph = graph_bytes(module, sample, axes, INPUT, OUTPUTS[: 1 if isinstance(module, Looking) else 2], dict(metadata))
    return onnxruntime.InferenceSession(graph), graph


def squares(batch, side_px):
    return torch.from_numpy(np.stack([resize(one.transpose(1, 2, 0), side_px) for one in batch])).float() / 255


class Looking(nn.Module):
    """Every view of a blend graph, one beside the other."""

    def __init__(self, views, side_px):
        super().__init__()
        member = MemberGraph(Pixels(), side_px, views, (1.0,) * len(views), 1.0, 1.0)
        self.hidden = (BlendGraph([member], COUNT, side_px),)  # from the exporter, which wants every number used

    def forward(self, images):
        (seen,) = self.hidden[0]._seen(images).values()
        return torch.stack(list(seen.values()))


COUNT = Count("cast_logit", "logits", 1.0, TIE_WIDTH)


def test_every_family_of_views_shows_the_pixels_that_it_shows_to_tta():
    views = parse_views(",".join(FAMILIES.values()))
    batch = images(3, 23, 23)
    (seen,) = opened(Looking(views, 23), 23)[0].run(None, {INPUT: batch})
    for view, pixels in zip(views, seen, strict=True):
        expected = through(view, torch.from_numpy(batch).float() / 255)
        assert np.abs(pixels - expected.numpy()).max() < 5e-6, view


@pytest.mark.parametrize("shape", [(28, 28), (39, 39), (41, 53), (17, 90), (211, 307), (1, 1), (2, 7), (5, 3)])
@pytest.mark.parametrize("side_px", [19, 28, 67])
def test_squares_are_those_of_the_decoder_but_for_halves(shape, side_px):
    batch = images(2, *shape)
    found = squared(torch.from_numpy(batch), side_px).numpy()
    apart = np.abs(found - 255 * squares(batch, side_px).numpy())
    assert apart.max() < 1.001
    assert (apart > 0.5).mean() < 1e-3
    if shape == (side_px, side_px):
        assert (found == batch).all()


@pytest.fixture(scope="module")
def members():
    """Members of two sizes; the third has its classes in another order."""
    views = ("identity", "hflip", "crop@0.8:tl")
    return [
        MemberGraph(Flat(13, 0), 13, views, (0.5, 0.2, 0.3), 0.7, WEIGHTS[0]),
        MemberGraph(Flat(11, 1), 11, views[:1], (1.0,), 1.6, WEIGHTS[1]),
        MemberGraph(Reordered(Flat(13, 2), [6, 2, 3, 1, 0, 5, 4]), 13, views[:2], (0.25, 0.75), 0.9, WEIGHTS[2]),
    ]


def pool_of(members, batch):
    """Return what the members say, view by view, in the shape that blends are made from."""
    said = []
    for member in members:
        pixels = squared(torch.from_numpy(batch), member.size_px) / 255
        with torch.no_grad():
            said.append(np.stack([member.network(through(view, pixels)).numpy() for view in member.views]))
    ids = tuple(map(str, range(len(batch))))
    return Pool(("a", "b", "c"), tuple(member.views for member in members), tuple(said), ids, CLASSES)


def tuned_of(members, method, stack=None):
    return Tuned(
        method,
        tuple(np.array(member.view_weights) for member in members),
        np.array([member.temperature for member in members]),
        WEIGHTS,
        blend_temperature=0.6,
        stack=stack,
    )


def count_of(method, stack=None):
    numbers = None if stack is None else (torch.tensor(stack.coefficients), torch.tensor(stack.intercepts))
    return Count(METHODS[method].graph_cast, applying.voting_of(method).unit, 0.6, TIE_WIDTH, numbers)


def drawn_stack():
    rng = np.random.default_rng(5)
    return Stack(rng.normal(size=(3, 7, 7)), rng.normal(size=7))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_counted_as_by_applying(members, method):
    batch = images(31, 17, 29)
    with torch.no_grad():
        found, label = BlendGraph(members, count_of(method), None)(torch.from_numpy(batch))
    pool, tuned = pool_of(members, batch), tuned_of(members, method)
    assert found.numpy() == pytest.approx(applying.probabilities(pool, tuned), abs=1e-6)
    assert label.tolist() == applying.predict(pool, tuned).tolist()


@pytest.mark.parametrize("method", ["borda", "stack"])
def test_the_graph_says_the_same_for_every_number_of_images_and_every_size(members, method):
    stack = drawn_stack() if method == "stack" else None
    method = "logit-sum" if stack else method
    session, graph = opened(BlendGraph(members, count_of(method, stack), None), metadata={"classes": "x"}.items())
    tuned = tuned_of(members, method, stack)
    for count, height, width in ((1, 13, 13), (2, 29, 17), (7, 11, 11), (64, 37, 37)):
        batch = images(count, height, width, seed=count)
        found, label = session.run(OUTPUTS, {INPUT: batch})
        pool = pool_of(members, batch)
        assert found.dtype == np.float32
        assert label.dtype == np.int64
        assert found == pytest.approx(applying.probabilities(pool, tuned), abs=1e-4)  # a half may round otherwise
        assert label.tolist() == applying.predict(pool, tuned).tolist()
    found, label = session.run(OUTPUTS, {INPUT: images(0, 13, 13)})
    assert (found.shape, label.shape) == ((0, 7), (0,))
    written = onnx.load_from_string(graph)
    assert (written.ir_version, written.opset_import[0].version) == (10, onnx_export.OPSET)  # ONNX Runtime 1.18 reads
    assert {one.key: one.value for one in written.metadata_props} == {"classes": "x"}
    assert b"blend_graph.py" not in graph


@given(arrays(np.float64, (5, 7), elements=st.integers(-3, 3).map(lambda whole: whole / 2)))
@settings(max_examples=40, deadline=None)
def test_every_vote_is_cast_as_by_its_model_ties_too(logits):
    named = {method.graph_cast for method in METHODS.values()}
    assert named == {name for name in vars(casts) if name.startswith("cast_")}
    for name, method in METHODS.items():
        expected = method.load().cast(logits[None])[0]
        cast = getattr(casts, method.graph_cast)
        assert cast(torch.from_numpy(logits)).numpy() == pytest.approx(expected, abs=1e-12), name


def test_ties_go_to_the_larger_sum_of_probabilities_and_then_to_the_lower_class():
    votes = torch.tensor([[0.5, 0.5 + 1e-13, 0.0], [0.25, 0.25, 0.5], [0.4, 0.4, 0.2]], dtype=torch.float64)
    tie_break = torch.tensor([[0.4, 0.3, 0.9], [0.9, 0.1, 0.0], [0.3, 0.3 + 1e-13, 0.4]], dtype=torch.float64)
    assert decide(votes, tie_break, TIE_WIDTH).tolist() == [0, 2, 0]
    assert decide(torch.tensor([[1.0, 1.0]]), None, TIE_WIDTH).tolist() == [0]


def test_the_lowest_class_wins_a_tie_in_the_graph_too():
    class Tied(nn.Module):
        def forward(self, votes):
            scores = votes.double().amax(dim=(1, 2))
            return scores.float(), decide(scores, torch.ones_like(scores), TIE_WIDTH)

    session, _ = opened(Tied(), 3)
    votes = np.zeros((2, 3, 3, 3), np.uint8)
    votes[0, 0] = [0, 5, 5]
    assert session.run(None, {INPUT: votes})[1].tolist() == [1, 0]


def test_what_one_file_cannot_hold_is_refused(monkeypatch):
    monkeypatch.setattr(onnx_export, "LARGEST_BYTES", 100)
    with pytest.raises(InvalidOptionError, match=r"would have 0\.0 GB, and an ONNX file holds 2 GB\. Blend fewer"):
        opened(BlendGraph([MemberGraph(Flat(5, 0), 5, ("identity",), (1.0,), 1.0, 1.0)], COUNT, None))


def test_a_network_that_no_graph_can_hold_is_refused():
    class Erratic(nn.Module):
        def forward(self, pixels):
            return pixels.flatten(1)[:, :7] if float(pixels.sum()) > 1 else pixels.flatten(1)[:, 7:14]

    with pytest.raises(InvalidOptionError, match="cannot be exported to ONNX .* Blend other members"):
        opened(BlendGraph([MemberGraph(Erratic(), 5, ("identity",), (1.0,), 1.0, 1.0)], COUNT, None))


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["cnn", "cnn-deep", "mlp", "resnet18", "vgg11_bn", "timm:tf_efficientnet_lite0"])
def test_networks_of_every_kind_fit_into_the_graph(arch):
    options = {"input_px": 48} if arch.startswith("timm:") else {}
    network = models_zoo.build(arch, 7, 37, options=models_zoo.resolved(arch, options, False), seed=1).eval()
    views = ("identity", "hflip", "scale@1.1")
    member = MemberGraph(network, 37, views, (0.5, 0.25, 0.25), 1.0, 1.0)
    session, _ = opened(BlendGraph([member], COUNT, None))
    batch = images(5, 43, 41)
    found, _ = session.run(None, {INPUT: batch})
    look = partial(through, pixels=squares(batch, 37))
    with torch.no_grad():
        logits = sum(weight * network(look(view)) for view, weight in zip(views, member.view_weights, strict=True))
    assert found == pytest.approx(logits.softmax(dim=1).numpy(), abs=1e-4)
