"""check.kept_numbers: what is held at once with checkpoints."""

import torch
from answers import is_named, is_right, right, wrong
from torch.utils.checkpoint import checkpoint

from vitlib import Encoder, EncoderBlock
from vitlib.teach import check


def followed(tokens, width, depth, every):
    """Go backwards piece by piece; note the most that is there."""
    starts = list(range(0, depth, every))
    most = 0
    for start in reversed(starts):
        blocks = min(every, depth - start)
        inputs = sum(one < start for one in starts)
        most = max(most, inputs + 16 * blocks)
    return most * tokens * width


def by_formula(tokens, width, depth, every):
    return tokens * width * (-(-depth // every) - 1 + 16 * every)


@right(followed, by_formula)
def test_every_style_is_right(answer):
    is_right(check.kept_numbers(answer))


def times(count):
    return lambda n, d, depth, every: n * d * count(depth, every)


@wrong(
    ("input_counted_twice", times(lambda a, b: a // b + 16 * b)),
    ("inputs_alone", times(lambda a, b: a // b)),
    ("one_piece_alone", times(lambda a, b: 16 * b)),
    ("nothing_saved", times(lambda a, b: 16 * a)),
    ("every_input", times(lambda a, b: a + 16 * b - 1)),
    ("one_block_of_the_piece", times(lambda a, b: a // b + 15)),
    ("all_pieces_whole", times(lambda a, b: a // b * (16 * b + 1))),
    ("unknown", times(lambda a, b: 3)),
    ("no_number", lambda n, d, depth, every: [depth]),
)
def test_a_wrong_answer_is_named(mistake, answer):
    is_named(mistake, check.kept_numbers(answer))


def test_sixteen_is_what_a_block_keeps_and_one_what_its_input_is():
    """To a hundredth: a few numbers a token come on top."""
    torch.manual_seed(0)
    tokens = torch.randn(1, 50, 192, requires_grad=True)
    block = Encoder([EncoderBlock(192, num_heads=3)])
    own = {p.untyped_storage().data_ptr() for p in block.parameters()}

    def kept(run):
        found = {}

        def note(tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                found[storage.data_ptr()] = storage
            return tensor.detach()

        hooks = torch.autograd.graph.saved_tensors_hooks
        with hooks(note, lambda tensor: tensor):
            run()
        return sum(s.nbytes() for s in found.values()) / 4 / (50 * 192)

    assert abs(kept(lambda: block(tokens)) - 16) < 0.16
    again = kept(lambda: checkpoint(block, tokens, use_reentrant=False))
    assert again == 1
