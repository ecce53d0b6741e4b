"""Where the predictions of a blend on test are to be written, and in which rows and form."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Final, NamedTuple

from ensemble_kit.ensembling.combining import predict
from ensemble_kit.pipeline.inputs import relative
from ensemble_kit.reporting.terminal import note
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage import members as store
from ensemble_kit.storage.files import ledger
from ensemble_kit.storage.submissions import sample_and_csv as submission_csvs
from ensemble_kit.texts import Reader, bare, same, spelled
from ensemble_kit.types import Pool, Tuned, align

SHOWN: Final = 5  # labels and classes, in a note
SAMPLE: Final = "sample"
"""In the provenance of a CSV: the name of the sample submission whose header, ids and order it has."""


class Target(NamedTuple):
    """Where the submission goes, which rows of test it takes, and how it shows them."""

    path: Path
    test: Pool
    rows: Sequence[int]
    ids: Sequence[str]
    header: tuple[str, str]
    notes: tuple[str, ...] = ()


def find_target(
    members: Sequence[store.Member], path: Path, sample: str | Path | None, form: str, encoding: str | None = None
) -> Target | None:
    """Return where and how the submission is to be written; None where a member has no test logits.

    Args:
        encoding: of a sample that is not UTF-8.
    """
    if without_test(members):
        return None
    test = align([member.split("test") for member in members])
    if sample is None:
        return Target(path, test, range(len(test.ids)), submission_csvs.id_form(test.ids, form), submission_csvs.HEADER)
    asked, notes = read_noted(sample, encoding, test.classes)
    rows = submission_csvs.match_sample(asked.ids, test.ids)
    return Target(path, test, rows, asked.ids, (asked.id_column, asked.label_column), tuple(notes))


def read_noted(
    sample: str | Path, encoding: str | None, classes: Sequence[str]
) -> tuple[submission_csvs.Sample, list[str]]:
    """Return a sample, and notes on how it was read and on labels that are none of our classes."""
    reader = Reader(encoding)
    asked = submission_csvs.read_sample(Path(sample), reader)
    notes = [note("sample-read", what=remark) for remark in reader.remarks]
    if classes and (others := asked.other_labels(classes)):
        notes.append(note("other-labels", labels=_first(others), classes=_first(classes)))
    ours = {same(name): name for name in classes}
    forms = {label: ours.get(same(label), bare(label)) for label in dict.fromkeys(asked.labels)}
    notes += [
        note("other-form", theirs=spelled(bare(label)), ours=spelled(one))
        for label, one in forms.items()
        if bare(label) != one
    ]
    return asked, notes


def _first(names: Sequence[str]) -> list[str]:
    return [*map(spelled, names[:SHOWN]), *["..."][: len(names) > SHOWN]]


def without_test(members: Sequence[store.Member]) -> str:
    """Return the sentence that names the members without test logits, and the remedy; empty where all have them."""
    without = [member.manifest.name for member in members if "test" not in member.splits]
    if not without:
        return ""
    if len(without) == len(members):
        return f"no test logits in {named(without)}. No member has test images{_how_to_add_test(members)}."
    it = "it" if len(without) == 1 else "them"
    return f"no test logits in {named(without)}. Compute them with ek tta --replace, or blend without {it}."


def _how_to_add_test(members: Sequence[store.Member]) -> str:
    """Return what to do where no member has test images."""
    ours = [member.manifest.name for member in members if member.manifest.run is not None]
    if all(member.manifest.source == "imported" for member in members):
        return ": add their scores on test too, with ek members add --test FILE --replace"
    each, ckpt = "" if len(members) == 1 else " for each:", quote(ours[0]) if ours else "PATH"
    return f": put them into DIR/test (DIR holds train), then{each} ek tta --ckpt {ckpt} --replace"


def named(members: Sequence[str]) -> str:
    """Return members by name.

    Example:
        >>> named(["cnn"]), named(["cnn", "vit"])
        ("member 'cnn'", "members 'cnn', 'vit'")
    """
    return f"member{'' if len(members) == 1 else 's'} {', '.join(map(repr, members))}"


def write_csv(
    target: Target,
    saved: blend_store.Blend,
    tuned: Tuned,
    submissions: Path,
    replace: bool = False,
    sample: str | Path | None = None,
) -> None:
    """Write the CSV, its provenance, and a line in the ledger of submissions.

    Args:
        replace: see `submissions.check_replaceable`.
        sample: whose form the CSV has, see `sample_of`.
    """
    predicted = predict(target.test, tuned)[list(target.rows)]
    labels = [saved.classes[place] for place in predicted]
    honest = saved.figures["honest_accuracy"]
    origin = {"blend": saved.name, "blend_sha256": blend_store.blend_sha256(saved), "honest_accuracy": honest}
    form = {} if sample is None else {SAMPLE: Path(sample).name}
    submission_csvs.write_submission(target.path, target.ids, labels, target.header, origin | form, replace)
    time = datetime.now(UTC).isoformat(timespec="microseconds")
    csv = relative(target.path).as_posix()
    ledger.append_entry(submissions / ledger.LEDGER_NAME, {"time": time, "csv": csv, **origin})


def sample_of(saved: blend_store.Blend, submissions: Path) -> Path | None:
    """Return the CSV of a blend, where it was written in the form of a sample: as good as the sample itself.

    Raises:
        CorruptError: it or its provenance is damaged.
    """
    csv = submissions / f"{saved.name}.csv"
    provenance = csv.with_suffix(".json")
    if not provenance.exists():
        return None
    said = submission_csvs.read_provenance(provenance)
    is_its = said.get("blend_sha256") == blend_store.blend_sha256(saved)
    return csv if is_its and SAMPLE in said else None
