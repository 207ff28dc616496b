"""check.ring_bytes: what each process hands on, piece by piece."""

from answers import is_named, is_right, right, wrong

from vitlib.teach import check


def simulated(numbers, processes, size):
    """Let pieces go round; count what process 0 sends."""
    sent = 0
    for _ in range(2):  # once for the sums, once to hand them out
        for _ in range(processes - 1):
            sent += numbers // processes
    return sent * size


def by_formula(numbers, processes, size):
    return 2 * numbers * size * (1 - 1 / processes)


@right(simulated, by_formula)
def test_every_style_is_right(answer):
    is_right(check.ring_bytes(answer))


def first_counted_twice(numbers, processes, size):
    """Close the ring, and cut a piece for each that stands in it."""
    ring = [*range(processes), 0]
    piece = numbers / len(ring)
    return 2 * (processes - 1) * piece * size


@wrong(
    ("to_everyone", lambda n, p, size: (p - 1) * n * size),
    ("half_of_the_way", lambda n, p, size: (p - 1) * n * size / p),
    ("own_piece_too", lambda n, p, size: 2 * n * size),
    ("whole_ring", lambda n, p, size: 2 * (p - 1) * n * size),
    ("gradients_once", lambda n, p, size: n * size),
    ("numbers_not_bytes", lambda n, p, size: by_formula(n, p, 1)),
    ("bits", lambda n, p, size: 8 * by_formula(n, p, size)),
    ("one_step_too_many", first_counted_twice),
    ("unknown", lambda n, p, size: 3 * by_formula(n, p, size) + 1),
    ("no_number", lambda n, p, size: "many"),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.ring_bytes(answer))


def test_how_many_times_too_much_it_is_is_said():
    said = str(check.ring_bytes(lambda *given: 1.5 * by_formula(*given)))
    assert "That is 1.5 times what it should be" in said


def test_the_pieces_of_a_ring_end_as_sums_everywhere():
    """Three processes hand on what the reference counts."""
    held = [[10 * rank + piece for piece in range(3)] for rank in range(3)]
    sums = [sum(column) for column in zip(*held, strict=True)]
    sent = 0
    for step in range(4):
        moves = []
        for rank in range(3):
            piece = (rank - step) % 3
            moves.append(((rank + 1) % 3, piece, held[rank][piece]))
        sent += 1  # a piece from each
        for to, piece, value in moves:
            kept = held[to][piece] if step < 2 else 0
            held[to][piece] = kept + value
    assert held == [sums] * 3
    assert check.ring_bytes.reference(3, 3, 1) == sent
