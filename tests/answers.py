"""How answers to an exercise are tried: right ones, and wrong by name.

In the test of an exercise:

    @right(by_loops, by_reshape)
    def test_every_style_is_right(answer):
        is_right(check.patchify(answer))

    @wrong(("down_the_columns", loops_down), ("strips", only_reshaped))
    def test_a_wrong_answer_is_named(mistake, answer):
        is_named(mistake, check.patchify(answer))
"""

import pytest

from vitlib.teach.checking.result import Result


def right(*answers: object) -> pytest.MarkDecorator:
    """Try each of these, which are right in a style of their own."""
    return pytest.mark.parametrize("answer", answers)


def wrong(*pairs: tuple[str, object]) -> pytest.MarkDecorator:
    """Try each of these, beside the name of what is wrong with it."""
    return pytest.mark.parametrize(
        ("mistake", "answer"),
        [pytest.param(*pair, id=pair[0]) for pair in pairs],
    )


def is_right(result: Result) -> None:
    """Hold that the answer was found right."""
    assert result.kind == "right", str(result)


def is_named(mistake: str, result: Result) -> None:
    """Hold that the answer was found wrong, and by this mistake."""
    found = result.kind, result.mistake
    assert found == ("wrong", mistake), f"{found}: {result}"
