"""Which members are a family, by their manifests alone."""

import pytest

from ensemble_kit.errors import InvalidOptionError, UnknownNameError
from ensemble_kit.pipeline.members.cv_families import Family, costs_of_families, families_of, members_of
from ensemble_kit.storage.members.manifest import Manifest, SplitFiles, StoredFile

FILES = {"oof": SplitFiles(StoredFile("oof-0.npy", "0"), StoredFile("oof-0.csv", "0"))}


def member(name, family, folds, fold, **facts):
    training = {"folds": folds, "fold": fold}
    return Manifest(name, "cnn", "trained", ("a", "b"), family=family, training=training, files=FILES, **facts)


def folds_of(family, folds, ending=""):
    return [member(f"{family}-fold-{fold}{ending}", family, folds, fold) for fold in range(1, folds + 1)]


def test_folds_come_in_order_and_families_in_the_order_of_their_first_member():
    cnn, vit = folds_of("cnn", 3), folds_of("vit", 2)
    mixed = [vit[1], cnn[2], cnn[0], vit[0], cnn[1]]
    assert families_of(mixed) == (Family("vit", (3, 0)), Family("cnn", (2, 4, 1)))


def test_snapshots_of_folds_are_a_family_a_snapshot():
    manifests = [*folds_of("cnn", 2), *folds_of("cnn", 2, "-cycle-1")]
    assert families_of(manifests) == (Family("cnn", (0, 1)), Family("cnn-cycle-1", (2, 3)))


def test_a_renamed_member_stays_in_its_family():
    manifests = [member("best", "cnn", 2, 1), member("worst", "cnn", 2, 2)]
    assert families_of(manifests) == (Family("cnn", (0, 1)),)


@pytest.mark.parametrize(
    ("manifests", "message"),
    [
        (folds_of("cnn", 3)[:2], "family 'cnn' lacks fold 3 of 3, so .* ek train --folds 3 --fold 3 --name cnn"),
        ([*folds_of("cnn", 3)[:2], member("odd", "cnn", 5, 3)], "'cnn-fold-1' and 'odd' of family 'cnn' are fold 3"),
        ([member("plain", None, 0, 0), *folds_of("cnn", 2)], "was kept for 'plain'. Train it by folds"),
    ],
)
def test_what_is_no_whole_family_is_refused(manifests, message):
    with pytest.raises(InvalidOptionError, match=message):
        families_of(manifests)


def test_a_family_costs_what_its_members_cost_where_all_were_measured():
    cnn = [member(f"cnn-fold-{fold}", "cnn", 2, fold, cost={"ms_per_image": 1.5 * fold}) for fold in (1, 2)]
    vit = [member("vit-fold-1", "vit", 2, 1, cost={"ms_per_image": 1.0}), member("vit-fold-2", "vit", 2, 2)]
    assert costs_of_families(families_of([*cnn, *vit]), [*cnn, *vit]) == {"cnn": 4.5}


def test_a_family_is_named_for_all_its_members_and_a_member_of_that_name_goes_first():
    there = {one.name: one for one in [*folds_of("cnn", 2), member("vit", None, 0, 0)]}
    assert members_of(["vit", "cnn"], there) == ["vit", "cnn-fold-1", "cnn-fold-2"]
    there["cnn"] = member("cnn", "cnn", 0, 0)
    assert members_of(["cnn"], there) == ["cnn"]
    with pytest.raises(UnknownNameError, match="did you mean 'vit'"):
        members_of(["vitt"], there)
