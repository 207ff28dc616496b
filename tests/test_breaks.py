"""The planted breaks fit the files that they are planted in."""

from pathlib import Path

import breaks
import pytest

ROOT = Path(breaks.__file__).resolve().parents[1]
ENOUGH = {"core": 60, "classroom": 40, "javascript": 20}
ALL = {path.stem: list(breaks.read(path)) for path in breaks.FILES}


@pytest.mark.parametrize(("name", "least"), ENOUGH.items())
def test_there_are_enough_of_each_kind(name, least):
    assert len(set(ALL[name])) == len(ALL[name])
    assert sum(not one.harmless for one in ALL[name]) >= least
    assert ALL.keys() == ENOUGH.keys()


@pytest.mark.parametrize("name", ENOUGH)
def test_each_can_be_planted_and_changes_one_place(name):
    for one in ALL[name]:
        text = (ROOT / one.file).read_text()
        assert text.count(one.old) == 1, one
        assert one.old != one.new, one
        assert (ROOT / one.tests).is_file(), one


def test_a_break_is_planted_and_healed(tmp_path):
    one = ALL["core"][0]
    (tmp_path / one.file).parent.mkdir(parents=True)
    one.heal(tmp_path)
    one.plant(tmp_path)
    text = (tmp_path / one.file).read_text()
    assert one.new in text
    assert one.old not in text
    with pytest.raises(ValueError, match="0 times, not once"):
        one.plant(tmp_path)
    one.heal(tmp_path)
    text = (ROOT / one.file).read_text()
    assert (tmp_path / one.file).read_text() == text


@pytest.mark.parametrize(
    ("code", "harmless", "right"),
    [(1, "", True), (0, "", False), (0, "same", True), (1, "same", False)],
)
def test_what_no_test_notices_is_not_right(
    code, harmless, right, tmp_path, monkeypatch
):
    one = ALL["core"][0]._replace(harmless=harmless)
    (tmp_path / one.file).parent.mkdir(parents=True)
    one.heal(tmp_path)
    monkeypatch.setattr(breaks, "run_tests", lambda *_: code)
    assert breaks.is_right(one, tmp_path) == right
