"""The small ViT that names the red shape, and the pictures for it."""

import json

import pytest
import torch

from vitlib.teach.chapters.inside import red
from vitlib.teach.chapters.inside.red import red_reader, red_shapes
from vitlib.teach.data.checked import FOLDER
from vitlib.teach.data.shapes import COLOURS, KINDS, shapes
from vitlib.training import evaluate

DATA = FOLDER
RECORD = json.loads((DATA / "red_reader.json").read_text())


def test_it_names_the_red_shape_in_pictures_it_never_saw():
    count, seed = RECORD["pictures (count, seed)"]["test"]
    scenes = red_shapes(count, seed)
    right = evaluate(red_reader(), scenes.images * 2 - 1, scenes.labels)
    assert right >= 0.99
    assert right == pytest.approx(RECORD["accuracy"], abs=2 / count)


def test_its_file_is_small_and_its_settings_are_recorded():
    assert (DATA / red.FILE).stat().st_size < 150_000
    assert RECORD["settings"] == red.SETTINGS


def test_a_damaged_file_is_refused(monkeypatch):
    monkeypatch.setattr(red, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="damaged"):
        red_reader()


def test_the_target_is_the_red_shape():
    scenes = red_shapes(60, seed=4)
    palette = torch.tensor(list(COLOURS.values())) / 255
    for i, image in enumerate(scenes.images):
        inside = image[:, scenes.target_mask[i]].median(dim=1).values
        nearest = (palette - inside).norm(dim=1).argmin().item()
        assert list(COLOURS)[nearest] == "red"
        assert scenes.kinds[i, scenes.target[i]] == scenes.labels[i]
    assert scenes.labels.unique().tolist() == list(range(len(KINDS)))


def test_as_many_pictures_come_as_were_asked_for():
    for count in (1, 7, 40):
        scenes = red_shapes(count, seed=count)
        assert {len(part) for part in vars(scenes).values()} == {count}


def test_each_picture_is_one_of_shapes_unchanged():
    scenes, source = red_shapes(5, seed=9), shapes(30, seed=9)
    for image, masks in zip(scenes.images, scenes.masks, strict=True):
        same = (source.images == image).flatten(1).all(dim=1).nonzero()
        assert len(same) == 1
        assert torch.equal(source.masks[same.item()], masks)


def test_a_count_must_be_a_whole_number(refuses):
    refuses(lambda: red_shapes(0, seed=1), "count", 0)
