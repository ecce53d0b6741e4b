"""Every kind of file that ek reads back, damaged, in every command that reads it.

Oracle: the same command where nothing is damaged. What differs from what was written is made
anew (caches: the same bits) or refused by name; never another result, never a traceback.
"""

import os

import pytest
from damage_cases import (
    BESIDE,
    CACHES,
    DAMAGES,
    EDITABLE,
    PLACES,
    READS,
    REFUSED,
    REMADE,
    SAID,
    TYPED,
    damage_and_run,
    opened_by,
    preload,
    prepare,
    undamaged,
    verdict,
)
from damage_cases import copy as laid

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="commands run in forks")
SLOW = {"export", "probe", "probe --init"}  # of some seconds
QUICKEST = {kind: min(names, key=lambda name: (name in SLOW, names.index(name))) for kind, names in READS.items()}
CELLS = [(kind, name) for kind, names in READS.items() for name in names]


def cell(kind, name):
    quick = QUICKEST[kind] == name or (kind, name) in BESIDE
    return pytest.param(kind, name, id=f"{kind}, {name}", marks=[] if quick else [pytest.mark.slow])


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A small working folder that holds every kind of file, made in a process of its own."""
    folder = tmp_path_factory.mktemp("damage") / "template"
    preload()
    child = os.fork()
    if child == 0:
        done = 1
        try:
            prepare(folder)
            done = 0
        finally:
            os._exit(done)
    assert os.waitpid(child, 0)[1] == 0
    return folder


@pytest.fixture(scope="module")
def whole(template):
    """How a command ends where nothing is damaged; each runs once only."""
    known = {}

    def ends(name):
        if name not in known:
            known[name] = undamaged(template, template.with_name("whole"), name)
        return known[name]

    return ends


def test_the_folder_holds_every_kind_of_file(template):
    assert [kind for kind, place in PLACES.items() if not list(template.glob(place))] == []
    assert set(READS) == set(PLACES)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in TYPED]
)
def test_the_table_names_every_kind_of_file_that_a_command_opens(template, tmp_path, name):
    laid(template, tmp_path / "copy")
    assert opened_by(tmp_path / "copy", name) == {kind for kind, names in READS.items() if name in names}


@pytest.mark.parametrize(("kind", "name"), [cell(*one) for one in CELLS])
def test_a_damaged_file_is_made_anew_or_refused_by_name(template, whole, tmp_path, kind, name):
    all_of_them = QUICKEST[kind] != name
    for seed, damage in enumerate(DAMAGES if all_of_them else DAMAGES[:1] + DAMAGES[3:6]):
        outcome, path = damage_and_run(template, tmp_path / "copy", kind, name, seed, damage)
        found = verdict(outcome, whole(name), path)
        wanted = {REFUSED, REMADE} | ({SAID} if kind in EDITABLE or (kind, name) in BESIDE else set())
        assert found in wanted, f"{damage.__name__}: {found}: {outcome}"
        if kind in CACHES and "--verify" not in name:
            assert found == REMADE, f"{damage.__name__}: {outcome}"
