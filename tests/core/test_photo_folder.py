"""A folder of photos is a data set: what is in it, how it is parted."""

import pytest
import torch
from picture_files import FILES, cut
from PIL import Image
from torch.utils.data import DataLoader

from vitlib import ViT
from vitlib.photo_folder import PhotoFolder
from vitlib.teach import resize_and_crop, to_tensor
from vitlib.training import evaluate, fit


@pytest.fixture
def folder(tmp_path):
    """Twelve dark photos, six light ones in two folders, and debris."""
    for name, count, level in (("dark", 12, 40), ("light", 6, 210)):
        inner = tmp_path / name
        (inner / "more").mkdir(parents=True)
        for i in range(count):
            where = inner / "more" if i % 3 == 2 else inner
            photo = Image.new("RGB", (20 + i, 16), (level, level, i))
            photo.save(where / f"{i:02d}.png")
    (tmp_path / "nothing").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    for debris in (".DS_Store", "dark/._00.png", "light/Thumbs.db"):
        (tmp_path / debris).write_bytes(b"x")
    return tmp_path


def as_small(photo):
    return to_tensor(resize_and_crop(photo, 8))[0]


def test_sub_folders_are_classes_and_debris_is_none(folder):
    photos = PhotoFolder(folder)
    assert photos.classes == ["dark", "light"]
    assert photos.empty == ["nothing"]
    assert photos.counts == {"dark": 12, "light": 6}
    assert len(photos) == 18
    levels = [photo.getpixel((0, 0))[0] for photo, _ in photos]
    assert levels == [40] * 12 + [210] * 6
    assert [label for _, label in photos] == [0] * 12 + [1] * 6


def test_photos_are_opened_when_they_are_asked_for(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "vitlib.photo_folder.open_photo", lambda path: asked.append(path)
    )
    photos = PhotoFolder(folder)
    assert asked == []
    photos[3]
    assert asked == [photos.paths[3]]


def test_photos_are_opened_as_open_photo_opens_them(tmp_path):
    (tmp_path / "cats").mkdir()
    content = FILES["a phone's JPEG, turned"]()
    (tmp_path / "cats" / "one.jpg").write_bytes(content)
    photo, label = PhotoFolder(tmp_path)[0]
    assert photo.size == (200, 301)
    assert label == 0


def test_parts_are_not_taken_for_classes(tmp_path, refuses):
    for part in ("train", "Val"):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            (tmp_path / part / name / "one.png").write_bytes(b"x")
    refuses(lambda: PhotoFolder(tmp_path), "parted", tmp_path / "Val")
    assert PhotoFolder(tmp_path / "train").classes == ["cat", "dog"]
    (tmp_path / "zebra").mkdir()
    assert PhotoFolder(tmp_path).classes == ["Val", "train"]


def test_what_cannot_be_read_is_named_and_left_out(folder, refuses):
    bad = folder / "dark" / "05b.jpg"
    bad.write_bytes(cut(FILES["a JPEG"]()))
    (folder / "light" / "notes.txt").write_text("sunny")
    photos = PhotoFolder(folder)
    assert len(photos) == 20
    refuses(lambda: photos[photos.paths.index(bad)], "05b.jpg", "cut off")
    looks = list(photos.look())
    assert [look.photo for look in looks] == list(range(1, 21))
    assert {look.photos for look in looks} == {20}
    names = [look.path.name for look in looks if look.problem]
    assert names == ["05b.jpg", "notes.txt"]
    assert [path.name for path in photos.unreadable] == names
    assert "cut off" in photos.unreadable[bad]
    assert photos.counts == {"dark": 12, "light": 6}
    assert [look.problem for look in photos.look()] == [None] * 18


def test_it_is_parted_class_by_class_as_the_seed_says(folder):
    photos = PhotoFolder(folder)
    first, second = photos.split(0.25, seed=3)
    assert first.counts == {"dark": 9, "light": 4}
    assert second.counts == {"dark": 3, "light": 2}
    assert sorted(first.paths + second.paths) == sorted(photos.paths)
    assert len(photos) == 18
    for part in (first, second):
        assert [p.relative_to(folder).parts[0] for p in part.paths] == [
            part.classes[label] for label in part.labels
        ]
    again = PhotoFolder(folder).split(0.25, seed=3)
    assert again[1].paths == second.paths
    assert photos.split(0.25, seed=4)[1].paths != second.paths


def test_a_small_class_is_in_both_parts(folder):
    for part in PhotoFolder(folder).split(0.01):
        assert min(part.counts.values()) >= 1


def test_nothing_is_parted_into_nothing_twice(folder):
    photos = PhotoFolder(folder)
    photos.keep([])
    assert [len(part) for part in photos.split(0.5)] == [0, 0]


def test_a_model_is_trained_on_a_folder(folder):
    """Dark or light is learned in a few steps."""
    train, asked = PhotoFolder(folder, as_small).split(0.3)
    loader = DataLoader(train, batch_size=4, shuffle=True)
    torch.manual_seed(0)
    model = ViT(
        image_size=8, patch_size=4, embed_dim=12, depth=1, num_heads=2,
        num_classes=2,
    )  # fmt: skip
    for _ in fit(model, loader, epochs=8, learning_rate=0.01):
        pass
    assert evaluate(model, DataLoader(asked, batch_size=4)) == 1


def test_a_folder_without_classes_is_refused(tmp_path, refuses):
    Image.new("L", (5, 5)).save(tmp_path / "alone.png")
    (tmp_path / "nothing").mkdir()
    refuses(lambda: PhotoFolder(tmp_path), tmp_path, "1 sub-folders")
    with pytest.raises(FileNotFoundError):
        PhotoFolder(tmp_path / "nowhere")


def test_a_share_is_between_none_and_all(folder, refuses):
    photos = PhotoFolder(folder)
    for share in (0, 1, -0.5, "half"):
        refuses(lambda share=share: photos.split(share), "share")
    refuses(lambda: photos.split(0.5, seed=-1), "seed")
