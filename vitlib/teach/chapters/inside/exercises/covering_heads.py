"""Check your two heads, and how many answers they cost."""

from vitlib.teach.checking.number import NumberPiece, Slip

PIECE = NumberPiece(
    module=__name__,
    number=5,
    close=1e-4,  # shares in single precision, times 500
    compute=lambda: (2, 3, 11),
    axes=("one head", "the other", "answers lost without both"),
    asks=(
        "Take two heads away at once, for each of the six pairs: without "
        "which is the count of right answers lowest?",
        "Take two heads away at once, for each of the six pairs: without "
        "which is the count of right answers lowest?",
        "How many of 500 are right with all heads, and how many without "
        "these two? The answer is the difference.",
    ),
    next="Together they cost 11 answers, alone 2 and 5: what one of them "
    "says the other can say, too. A table of single heads shows nothing "
    "of that.",
    mistakes=(
        Slip(
            "higher_head_first",
            (3, 2, 11),
            "Right but for the order: the lower head first."
            " Which of the two is lower?",
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
            "these are wrong with them, too."
            " How many?",
        ),
        Slip(
            "other_pair",
            (1, 3, 5),
            "Without heads 1 and 3 five are lost, as many as without head "
            "3 alone. Another pair costs more."
            " Which?",
        ),
        Slip(
            "gain_for_loss",
            (2, 3, -11),
            "The right two, and 11 is right. It was asked how many "
            "answers are lost: a loss counts upwards."
            " Which of the two counts is to be taken from which?",
        ),
        Slip(
            "beyond_the_sum",
            (2, 3, 4),
            "The right two. 4 is by how much both cost more than the sum "
            "of the two. How many are lost in all?",
        ),
        Slip(
            "share_for_count",
            (2, 3, 0.022),
            "The right two, and the right share of 500. How many answers "
            "is that?",
        ),
        Slip(
            "percent_for_count",
            (2, 3, 2.2),
            "The right two, and right in per cent of 500. How many "
            "answers is that?",
        ),
        Slip(
            "largest_gain",
            (0, 3, -2),
            "You were to find the pair that costs most. A negative loss "
            "is a gain."
            " Which pair has the largest loss?",
        ),
        Slip(
            "counted_from_one",
            (3, 4, None),
            "Heads count from 0, and there are four."
            " What are yours, counted so?",
        ),
        Slip(
            "cheapest_pair",
            (0, 1, 0),
            "Without heads 0 and 1 nothing is lost. You were to find the "
            "pair that costs most."
            " Which is it?",
        ),
    ),
)
