"""Distances between logits, by hand."""

import pytest
import torch

from ensemble_kit.inference.engines.agreement import compare, tolerance_of

REFERENCE = torch.tensor([[8.0, 1.0, 0.0], [2.0, 1.999, 0.0]])


def test_the_largest_difference_is_taken_of_the_largest_reference_logit():
    found = compare(REFERENCE + torch.tensor([[0, 0, 0], [0, 0, -2.0]]), REFERENCE, 0.3)
    assert found == (0.25, 0)


@pytest.mark.parametrize(("tolerance", "changed"), [(1e-3, 0), (1e-5, 1)])
def test_a_class_that_changes_counts_only_where_the_reference_has_no_tie(tolerance, changed):
    assert compare(REFERENCE.flip(1).roll(-1, 1), REFERENCE, tolerance).changed == 1 + changed


def test_logits_that_are_not_finite_are_infinitely_far():
    assert compare(torch.tensor([[8.0, 1.0, 0.0], [float("nan"), 0, 0]]), REFERENCE, 0.1) == (float("inf"), 1)


@pytest.mark.parametrize(("logits", "error"), [(0.0, 0.0), (0.5, float("inf"))])
def test_a_reference_of_zeros_agrees_with_zeros_alone(logits, error):
    assert compare(torch.full((2, 3), logits), torch.zeros(2, 3), 0.1).relative_error == error


def test_a_lone_class_never_changes():
    assert compare(torch.tensor([[3.0]]), torch.tensor([[2.0]]), 0.1) == (0.5, 0)


def test_processors_are_held_to_float32_and_others_to_tf32():
    assert [tolerance_of(device, "float32") for device in ("cpu", "cuda", "mps")] == [1e-4, 5e-3, 5e-3]
    assert tolerance_of("cuda:1", "bfloat16") == 5e-2
