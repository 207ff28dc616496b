"""Pictures as people have them, and what is wrong with some."""

import numpy as np
import pytest
import torch
from picture_files import FILES, cut

from vitlib.photo_folder import PhotoFolder
from vitlib.train.pictures import (
    check_classes,
    check_same_classes,
    find_broken,
    fingerprint_of,
    leave_out,
    pictures_in,
    shortened,
)

IMAGES = np.random.default_rng(0).integers(0, 255, (6, 5, 4, 3), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


@pytest.fixture
def store(tmp_path):
    """Write an .npz of these arrays, and open it as pictures."""

    def write(**arrays):
        path = tmp_path / "some.npz"
        np.savez(path, **arrays)
        return pictures_in(path)

    return write


def look(pictures):
    return find_broken(pictures, lambda looks, total: looks)


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (IMAGES, (3, 5, 4)),
        (np.moveaxis(IMAGES, -1, 1), (3, 5, 4)),
        (IMAGES[..., 0], (1, 5, 4)),
        (IMAGES[..., :1], (1, 5, 4)),
        (IMAGES / 255, (3, 5, 4)),
    ],
)
def test_pictures_may_lie_in_any_order_of_axes(images, shape, store):
    pictures = store(images=images, labels=LABELS)
    pixels, label = pictures[4]
    assert (tuple(pixels.shape), label) == (shape, 1)
    wanted = IMAGES[4, ..., : shape[0]] / (255 if images.max() <= 1 else 1)
    found = pixels.permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert pixels.dtype in (torch.uint8, torch.float32)


@pytest.mark.parametrize(
    "names", [("x_train", "y_train"), ("train_images", "train_labels")]
)
def test_arrays_may_have_the_names_of_known_data_sets(names, store):
    labels = LABELS[:, None]  # as some have them
    pictures = store(**dict(zip(names, (IMAGES, labels), strict=True)))
    assert pictures.labels == LABELS.tolist()
    assert pictures.classes == ["0", "1", "2"]


def test_classes_have_names_where_the_file_tells_them(store):
    names = ["ant", "bee", "cat"]
    pictures = store(images=IMAGES, labels=LABELS, classes=names)
    assert pictures.classes == names


@pytest.mark.parametrize(
    ("arrays", "parts"),
    [
        ({"pictures": IMAGES}, ("pictures", "images and labels")),
        (
            {"images": IMAGES, "labels": LABELS[:4]},
            ("6 images", "4 labels"),
        ),
        ({"images": IMAGES, "labels": LABELS - 1}, ("from -1",)),
        ({"images": IMAGES, "labels": LABELS / 2}, ("float64",)),
        ({"images": IMAGES[..., :2], "labels": LABELS}, ("(6, 5, 4, 2)",)),
        (
            {"images": IMAGES, "labels": LABELS, "classes": ["a"]},
            ("up to 2", "1 names"),
        ),
    ],
)
def test_arrays_that_are_none_are_refused(arrays, parts, store, refuses):
    refuses(lambda: store(**arrays), *parts)


def test_what_is_neither_a_folder_nor_an_npz_is_refused(tmp_path, refuses):
    (tmp_path / "notes.txt").write_text("sunny")
    refuses(lambda: pictures_in(tmp_path / "notes.txt"), "notes.txt")
    refuses(lambda: pictures_in(tmp_path / "gone"), "does not exist")


def test_arrays_are_parted_as_a_folder_is(store, photos):
    pictures = store(images=IMAGES, labels=LABELS)
    first, second = pictures.split(0.4, seed=2)
    assert sorted(first.labels) == sorted(second.labels) == [0, 1, 2]
    assert len(pictures) == 6
    both = torch.cat([first.images, second.images]).flatten(1)
    assert len(both.unique(dim=0)) == 6
    places = [
        [p.parent.name for p in part.paths]
        for part in PhotoFolder(photos).split(0.25)
    ]
    assert places == [["dark"] * 3 + ["light"] * 3, ["dark", "light"]]


def test_a_broken_photo_is_named_and_left_out_only_when_asked(
    photos, refuses
):
    (photos / "dark" / "9.jpg").write_bytes(cut(FILES["a JPEG"]()))
    pictures = pictures_in(photos)
    broken = look(pictures)
    assert [line.split(": ")[0] for line in broken] == ["dark/9.jpg"]
    refuses(
        lambda: leave_out(pictures, broken, skip=False),
        "1 of 9",
        "dark/9.jpg",
        "--skip-broken",
    )
    leave_out(pictures, broken, skip=True)
    assert len(pictures) == 8
    assert look(pictures) == []


def test_an_empty_class_is_named_and_left_out_only_when_asked(
    photos, refuses
):
    (photos / "grey").mkdir()
    pictures = pictures_in(photos)
    refuses(
        lambda: check_classes(pictures, skip_empty=False),
        *("1 of 3", "grey", "--skip-empty"),
    )
    check_classes(pictures, skip_empty=True)
    assert pictures.classes == ["dark", "light"]


def test_a_class_of_nothing_but_broken_photos_is_an_empty_one(
    photos, refuses
):
    (photos / "blank").mkdir()
    (photos / "blank" / "0.png").write_bytes(b"")
    pictures = pictures_in(photos)
    leave_out(pictures, look(pictures), skip=True)
    assert pictures.empty == ["blank"]
    assert pictures.classes == ["dark", "light"]
    assert pictures.labels == [0] * 4 + [1] * 4
    refuses(lambda: check_classes(pictures, skip_empty=False), "blank")


def test_a_number_that_no_picture_has_is_an_empty_class(store, refuses):
    pictures = store(images=IMAGES, labels=LABELS * 2)
    refuses(
        lambda: check_classes(pictures, skip_empty=False),
        *("2 of 5", "1, 3"),
    )
    assert pictures.classes == ["0", "2", "4"]
    assert pictures.labels == LABELS.tolist()


def test_one_class_alone_is_refused(store, refuses):
    pictures = store(images=IMAGES, labels=LABELS * 0)
    refuses(
        lambda: check_classes(pictures, skip_empty=True),
        *("one class, 0", "6 pictures"),
    )


def test_other_data_to_be_asked_about_has_the_numbers_of_the_first(
    store, refuses
):
    first = store(
        images=IMAGES, labels=LABELS, classes=["ant", "bee", "cat"]
    )
    some = store(images=IMAGES, labels=LABELS % 2, classes=["bee", "ant"])
    check_same_classes(first, some)
    assert some.labels == [1, 0, 1, 1, 0, 1]
    other = store(images=IMAGES, labels=LABELS % 2, classes=["bee", "dog"])
    refuses(lambda: check_same_classes(first, other), "1 classes", "dog")


def test_pictures_are_known_again_and_told_from_others(store, photos):
    pictures = store(images=IMAGES, labels=LABELS)
    same = store(images=IMAGES, labels=LABELS)
    assert fingerprint_of(same) == fingerprint_of(pictures)
    other = store(images=IMAGES[::-1], labels=LABELS)
    assert fingerprint_of(other) != fingerprint_of(pictures)
    before = fingerprint_of(pictures_in(photos))
    (photos / "dark" / "0.png").rename(photos / "dark" / "00.png")
    assert fingerprint_of(pictures_in(photos)) != before


def test_many_names_are_counted():
    assert shortened(list("abcde")) == "a, b, c, d, e"
    assert shortened(list("abcdefg")) == "a, b, c, d, e, and 2 more"
