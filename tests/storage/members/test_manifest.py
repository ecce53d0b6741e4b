import dataclasses
import json
from pathlib import Path

import pytest

from ensemble_kit.disk.sealed import seal
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError
from ensemble_kit.storage.members.manifest import (
    check_distinct,
    check_folder_name,
    check_name,
    check_view_ms,
    parse_manifest,
    render_manifest,
)

PATH = Path("cnn/member.json")


def resealed(manifest, **changes):
    """Return the manifest's text with fields changed, sealed anew as a stranger could."""
    content = json.loads(render_manifest(manifest))
    return seal({key: value for key, value in {**content, **changes}.items() if value != "DROP"})


def test_every_field_comes_back(stored, tmp_path):
    manifest = stored(tmp_path)
    assert parse_manifest(render_manifest(manifest), PATH) == manifest
    assert manifest.view_ridge == float("inf")
    empty = [name for name, value in dataclasses.asdict(manifest).items() if value in ({}, (), None)]
    assert empty == ["run", "config_sha256", "metrics_sha256", "checkpoint_sha256", "imported"]


def test_a_file_from_before_views_were_measured_measures_none(manifest_of):
    assert json.loads(render_manifest(manifest_of()))["view_ms"] == [1.5, 1.75, 2.0]
    assert parse_manifest(resealed(manifest_of(), view_ms="DROP"), PATH).view_ms == ()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0])
def test_milliseconds_that_cannot_be_are_refused(number):
    check_view_ms(("identity", "hflip", "vflip"), (0.0, 1e9, 3.0))
    check_view_ms(("identity", "hflip", "vflip"), ())
    with pytest.raises(InvalidOptionError, match="milliseconds of 3 views, each a finite number >= 0, or none at all"):
        check_view_ms(("identity", "hflip", "vflip"), (1.0, number, 3.0))


@pytest.mark.parametrize("name", ["a", "0001", "vit b-16", "é" * 100, "x.y", "=", "a" * 200])
def test_a_name_may_be_any_folder_name(name):
    check_name(name)


@pytest.mark.parametrize("name", ["a\x1b[31m", "tab\t", "x\udcff", "\u202egnp.exe", "\u2028"])
def test_a_name_that_a_terminal_would_obey_is_refused_for_what_is_new_and_read_where_it_is_old(name):
    with pytest.raises(InvalidOptionError, match="characters that can be printed"):
        check_name(name)
    check_folder_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\\b", "a\0", "a\nb", "é" * 101, "a" * 201])
def test_a_name_that_no_folder_should_have_is_refused(name):
    with pytest.raises(InvalidOptionError, match="Wanted a name of 1 to 200 bytes"):
        check_name(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 0}, "has schema 0, this version of ensemble_kit reads 1"),
        ({"schema": True}, "has schema True"),
        ({"schema": "DROP"}, "has schema None"),
        ({"arch": "DROP"}, "no manifest of a member: .*arch"),
        ({"seed": "three"}, "field 'seed' holds 'three'"),
        ({"seed": True}, "field 'seed' holds True"),
        ({"classes": ["ant", 7]}, "field 'classes' holds"),
        ({"classes": ["ant", "ant"]}, "class 'ant' stands in places 1 and 2"),
        ({"cost": {"ms": "much"}}, "field 'cost' holds"),
        ({"view_weights": [1.0, 1.0, 0.0]}, "Wanted 3 view weights"),
        ({"view_ms": [1.5, 2.0]}, "Wanted the milliseconds of 3 views, .*got 1.5, 2.0"),
        ({"view_ms": [1.5, -0.5, 2.0]}, "Wanted the milliseconds of 3 views"),
        ({"view_ms": [1.5, None, 2.0]}, "field 'view_ms' holds"),
        ({"view_ms": None}, "field 'view_ms' holds None"),
        ({"source": "found"}, "source of trained, imported, foreign, got 'found'"),
        ({"name": "../up"}, "Wanted a name"),
        ({"files": {"val": {}}}, "no manifest of a member"),
        ({"files": []}, "no manifest of a member"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused_even_with_a_true_seal(changes, message, manifest_of):
    with pytest.raises(CorruptError, match=message):
        parse_manifest(resealed(manifest_of(), **changes), PATH)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "it has schema 2, this version of ensemble_kit reads 1: a newer one wrote it"),
        ({"schema": 2, "files": 7}, "it has schema 2"),
        ({"extra": 1}, "it has the field 'extra', which this version of ensemble_kit does not know"),
    ],
)
def test_a_manifest_of_a_later_version_is_no_damage_and_says_what_to_install(changes, message, manifest_of):
    with pytest.raises(BadDataError, match=f"(?s){message}.*ensemble_kit 99.1 .*from its folder"):
        parse_manifest(resealed(manifest_of(), versions={"ensemble_kit": "99.1"}, **changes), PATH)


@pytest.mark.parametrize("file", ["../../etc/passwd", "val-0123456789ab.npy/..", "test-0123456789ab.npy"])
def test_no_file_leads_out_of_the_folder(file, manifest_of):
    stored = {"file": file, "sha256": "0123456789ab" + "0" * 52}
    with pytest.raises(CorruptError, match="is no file name of split 'val'"):
        parse_manifest(resealed(manifest_of(), files={"val": {"logits": stored, "rows": stored}}), PATH)


def test_names_must_be_there_and_distinct():
    check_distinct(("a", "A", "a "), "class", "here")
    with pytest.raises(BadDataError, match="here has no class"):
        check_distinct((), "class", "here")
