"""The demo data set comes out the same each time, and its colours do not tell who it is."""

import csv
import hashlib
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.synthetic import parts, scenes
from ensemble_kit.synthetic.draw import character_of, draw_data_set, draw_image
from ensemble_kit.synthetic.faces import CHARACTERS, CLOTHES, HAIRS, draw_appearance, draw_character
from ensemble_kit.synthetic.pen import Pen, ellipse, mirrored, smooth

LOOK_ALIKES = (("ada", "bea"), ("cato", "dov"), ("gull", "hob"))


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def pen_on(image, radius_px=20.0):
    width, height = image.size
    frame = np.array([[radius_px, 0.0, width / 2], [0.0, radius_px, height / 2]])
    return Pen(ImageDraw.Draw(image), frame, {"ink": (0, 0, 0)})


def drawn(name, seed=3, size=(101, 103)):
    image = Image.new("RGB", size, (200, 220, 230))
    draw_character(pen_on(image), name, np.random.default_rng(seed))
    return np.asarray(image).astype(int)


def mean_colours(split, count):
    images = [np.asarray(draw_image(split, index, size_px=17)) for index in range(count)]
    labels = [character_of(split, index) for index in range(count)]
    return np.stack([image.mean(axis=(0, 1)) for image in images]), labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "new" / "cartoons"
    draw_data_set(folder, train=53, val=23, test=31, size_px=19)
    return folder


def test_a_repeated_run_is_pixel_identical(folder, tmp_path):
    draw_data_set(tmp_path, train=53, val=23, test=31, size_px=19)
    assert hashes(tmp_path) == hashes(folder)


def test_an_image_does_not_depend_on_how_many_others_are_asked_for(folder, tmp_path):
    draw_data_set(tmp_path, train=11, val=0, test=7, size_px=19)
    few, many = hashes(tmp_path), hashes(folder)
    few.pop("test-labels.csv")
    assert len(few) == 11 + 7
    assert few.items() <= many.items()


def test_another_seed_another_split_and_another_index_give_other_images():
    images = [
        draw_image("train", 5),
        draw_image("train", 5, seed=1),
        draw_image("val", 5),
        draw_image("train", 6),
    ]
    assert len({image.tobytes() for image in images}) == 4


def test_the_folder_holds_class_folders_a_flat_test_folder_and_the_test_labels(folder):
    assert sorted(entry.name for entry in folder.iterdir()) == ["test", "test-labels.csv", "train", "val"]
    for split, count in (("train", 53), ("val", 23)):
        assert sorted(entry.name for entry in (folder / split).iterdir()) == sorted(CHARACTERS)
        assert len(list((folder / split).glob("*/*.png"))) == count
    assert sorted(entry.name for entry in (folder / "test").iterdir()) == [f"{i:04d}.png" for i in range(31)]


def test_the_test_labels_name_every_test_image_and_who_is_in_it(folder):
    with (folder / "test-labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"{i:04d}.png" for i in range(31)]
    assert [row["label"] for row in rows] == [character_of("test", i) for i in range(31)]


def test_images_are_rgb_of_the_size_asked_for(folder):
    for path in folder.rglob("*.png"):
        with Image.open(path) as image:
            assert (image.size, image.mode) == ((19, 19), "RGB")


def test_a_image_on_disk_is_the_one_drawn_for_its_split_and_index(folder):
    with Image.open(folder / "test" / "0013.png") as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(draw_image("test", 13, size_px=19)))


def test_classes_differ_by_at_most_one_image():
    for split, count in (("train", 1578), ("val", 300), ("test", 500)):
        sizes = Counter(character_of(split, index) for index in range(count))
        assert set(sizes) == set(CHARACTERS)
        assert max(sizes.values()) - min(sizes.values()) <= 1


def test_the_number_of_a_image_does_not_tell_its_class():
    by_place = [Counter(character_of("test", index) for index in range(place, 1000, 10)) for place in range(10)]
    assert max(counts.most_common(1)[0][1] for counts in by_place) < 30  # of 100; 100 were the order fixed


def test_mean_colour_does_not_give_the_character_away():
    train, train_labels = mean_colours("train", 250)
    test, test_labels = mean_colours("test", 150)
    for model in (NearestCentroid(), LogisticRegression(max_iter=1000)):
        model.fit(train / 255, train_labels)
        assert model.score(test / 255, test_labels) < 0.35


def test_every_character_wears_every_hair_colour_sometimes():
    rng = np.random.default_rng(0)
    for who in CHARACTERS.values():
        worn = np.array([draw_appearance(rng, who).colours["hair"] for _ in range(601)])
        nearest = {min(HAIRS, key=lambda name: np.abs(np.subtract(HAIRS[name], hair)).sum()) for hair in worn}
        assert nearest == set(HAIRS)


def test_look_alikes_share_everything_but_one_detail():
    for one, other in LOOK_ALIKES:
        first, second = vars(CHARACTERS[one]).copy(), vars(CHARACTERS[other]).copy()
        details = set(first.pop("on_face")) ^ set(second.pop("on_face"))
        assert len(details) == 1
        assert first == second


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_look_alikes_of_one_look_differ_in_few_pixels_but_differ(one, other):
    changed = (np.abs(drawn(one) - drawn(other)) > 16).any(axis=2)
    head_px = np.pi * 20**2
    assert 10 < changed.sum() < 0.25 * head_px


def test_all_other_pairs_of_characters_differ_in_many_pixels():
    names = [name for name in CHARACTERS if name not in {one for one, _ in LOOK_ALIKES}]
    for i, one in enumerate(names):
        for other in names[:i]:
            changed = (np.abs(drawn(one) - drawn(other)) > 16).any(axis=2)
            assert changed.sum() > 0.25 * np.pi * 20**2, (one, other)


def test_every_part_in_the_tables_is_worn_by_someone():
    everyone = CHARACTERS.values()
    assert {who.hair for who in everyone} == set(parts.FRONT_HAIR) >= set(parts.BACK_HAIR)
    assert {who.nose for who in everyone} == set(parts.NOSES)
    assert {detail for who in everyone for detail in who.on_face} == set(parts.ON_FACE)
    assert {detail for who in everyone for detail in who.on_head} == set(parts.ON_HEAD)
    assert {colour for who in everyone for colour in who.hairs} <= set(HAIRS)
    assert {colour for who in everyone for colour in who.clothes} <= set(CLOTHES)


@pytest.mark.parametrize("mouth", parts.MOUTHS)
def test_every_mouth_is_drawn_by_chance(mouth):
    rng = np.random.default_rng(1)
    assert mouth in {draw_appearance(rng, CHARACTERS["juno"]).mouth for _ in range(97)}


def share_marked(draw, frame):
    image = Image.new("RGB", (83, 83), (1, 2, 3))
    draw(Pen(ImageDraw.Draw(image), np.array(frame), {"ink": (9, 9, 9)}), np.random.default_rng(5))
    return (np.asarray(image) != (1, 2, 3)).any(axis=2).mean()


@pytest.mark.parametrize("draw", scenes.BACKGROUNDS.values(), ids=scenes.BACKGROUNDS)
def test_a_background_covers_the_whole_image(draw):
    assert share_marked(draw, [[83.0, 0.0, 0.0], [0.0, 83.0, 0.0]]) == 1.0


@pytest.mark.parametrize("draw", scenes.OBSTACLES.values(), ids=scenes.OBSTACLES)
def test_an_obstacle_covers_a_part_of_the_image(draw):
    assert 0.01 < share_marked(draw, [[83.0, 0.0, 0.0], [0.0, 83.0, 0.0]]) < 0.5


@pytest.mark.parametrize("strokes", parts.OBJECTS.values(), ids=parts.OBJECTS)
def test_an_object_is_about_one_unit_in_radius(strokes):
    def draw(pen, rng):
        scenes.draw_object(pen, strokes, rng)

    assert 0.2 * np.pi * 20**2 / 83**2 < share_marked(draw, [[20.0, 0.0, 41.0], [0.0, 20.0, 41.0]]) < 0.4


def test_light_changes_brightness_and_keeps_the_shape():
    image = np.full((13, 13, 3), 100.0)
    means = [scenes.light(image, np.random.default_rng(seed)).mean() for seed in range(7)]
    assert np.ptp(means) > 5
    assert scenes.light(image, np.random.default_rng(0)).shape == (13, 13, 3)


def test_a_pen_maps_face_units_to_pixels_by_hand():
    image = Image.new("RGB", (41, 37))
    pen = Pen(ImageDraw.Draw(image), np.array([[10.0, 0.0, 20.0], [0.0, 10.0, 17.0]]), {"ink": (0, 0, 0)}).at(
        0.5, -0.5, 2.0, 1.0, 90
    )
    pen.fill(np.array([[0.0, 0.0], [0.3, 0.0], [0.3, 0.4], [0.0, 0.4]]), (255, 255, 255))
    rows, columns = np.nonzero(np.asarray(image)[:, :, 0])
    # (0.3, 0.4) is stretched to (0.6, 0.4), turned clockwise to (-0.4, 0.6), moved to (0.1, 0.1): pixel (21, 18)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (21, 25, 12, 18)


def test_a_smooth_curve_runs_through_its_corners_and_an_ellipse_keeps_its_half_axes():
    corners = mirrored(((-3.0, 1.0), (-2.0, -5.0)))
    assert corners == ((-3.0, 1.0), (-2.0, -5.0), (2.0, -5.0), (3.0, 1.0))
    np.testing.assert_allclose(smooth(corners)[::5], corners)
    x, y = (ellipse(7, 11, 3, 2) - (7, 11)).T
    np.testing.assert_allclose((x / 3) ** 2 + (y / 2) ** 2, 1)


def test_the_caller_is_told_after_every_image(tmp_path):
    told = []
    draw_data_set(tmp_path, train=3, val=2, test=5, size_px=17, on_image=told.append)
    assert told == list(range(1, 11))


def test_an_interrupted_drawing_leaves_the_folder_empty_and_usable(tmp_path):
    def interrupt(count):
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_data_set(tmp_path, train=7, val=0, test=0, size_px=17, on_image=interrupt)
    assert list(tmp_path.iterdir()) == []
    draw_data_set(tmp_path, train=7, val=0, test=0, size_px=17)
    assert len(list((tmp_path / "train").glob("*/*.png"))) == 7


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(BadDataError, match=r"new or empty folder, got '.*', which holds 'mine.txt'. Name another"):
        draw_data_set(tmp_path, train=1, val=1, test=1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "demo").write_text("")
    with pytest.raises(BadDataError, match=r"new or empty folder, got the file '.*demo'. Name another"):
        draw_data_set(tmp_path / "demo")


@pytest.mark.parametrize("name", ["train", "val", "test", "seed"])
def test_a_negative_number_is_refused_by_name(tmp_path, name):
    with pytest.raises(InvalidOptionError, match=f"Wanted {name} >= 0, got -1"):
        draw_data_set(tmp_path, **{name: -1})


@pytest.mark.parametrize("size_px", [15, 257])
def test_a_size_out_of_range_is_refused_with_the_range(tmp_path, size_px):
    with pytest.raises(InvalidOptionError, match=rf"Wanted size_px in \[16, 256\], got {size_px}"):
        draw_data_set(tmp_path, size_px=size_px)
