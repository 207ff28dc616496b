"""Check your two heads, and how many answers they cost."""

from vitlib.teach.checking.number import NumberPiece, Slip

PIECE = NumberPiece(
    module=__name__,
    number=5,
    compute=lambda: (2, 3, 11),
    axes=("one head", "the other", "answers lost without both"),
    next="Together they cost 11 answers, alone 2 and 5: what one of them "
    "says the other can say, too. A table of single heads shows nothing "
    "of that.",
    mistakes=(
        Slip(
            "higher_head_first",
            (3, 2, 11),
            "Right but for the order: the lower head first.",
        ),
        Slip(
            "costs_added",
            (2, 3, 7),
            "The right two. But 7 is what each costs alone, added up. How "
            "many are lost when both are away at once?",
        ),
        Slip(
            "right_answers_counted",
            (2, 3, 482),
            "The right two. 482 answers are still right without them. Of "
            "how many?",
        ),
        Slip(
            "wrong_answers_counted",
            (2, 3, 18),
            "The right two. 18 are wrong without them, of 500; some of "
            "these are wrong with them, too.",
        ),
        Slip(
            "other_pair",
            (1, 3, 5),
            "Without heads 1 and 3 five are lost, as many as without head "
            "3 alone. Another pair costs more.",
        ),
        Slip(
            "counted_from_one",
            (3, 4, None),
            "Heads count from 0, and there are four.",
        ),
        Slip(
            "cheapest_pair",
            (0, 1, 0),
            "Without heads 0 and 1 nothing is lost. You were to find the "
            "pair that costs most.",
        ),
    ),
)
