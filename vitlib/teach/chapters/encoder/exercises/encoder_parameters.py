"""Check how many numbers twelve blocks of ViT-S hold."""

from vitlib.teach.checking.number import NumberPiece, Slip, numeral


def blocks_of(width: int, depth: int = 12) -> int:
    """Count the numbers of so many blocks."""
    return depth * (12 * width**2 + 13 * width)


def in_a_block(count: float) -> str:
    """Say what so many would be for one block."""
    block, matrices = count / 12, 12 * 384**2
    seen = (
        f"{numeral(count)} would be {numeral(block)} in each of twelve "
        f"blocks. The matrices alone have {matrices:,}, 12 times the "
        "square of 384"
    )
    if block < matrices:
        return (
            f"{seen}. Four of these squares are in the attention, eight "
            "in the MLP. Which do you miss?"
        )
    left = (block - matrices) / 384
    return (
        f"{seen}, and {numeral(left)} times 384 are left for biases and "
        "norms. Count these along the block: which layers give how many "
        "numbers out, and what does a norm learn?"
    )


PIECE = NumberPiece(
    module=__name__,
    number=3,
    compute=lambda: blocks_of(384),
    follows=in_a_block,
    next="Twice the width of ViT-Ti, and not quite four times its "
    "5,338,368 numbers: matrices have grown fourfold, biases and norms "
    "twofold. The number of heads plays no part.",
    mistakes=(
        Slip(
            "one_block",
            blocks_of(384, depth=1),
            "{yours} are in one block. How many are there?",
        ),
        Slip(
            "matrices_only",
            12 * 12 * 384**2,
            "{yours} are the matrices alone. What else does a linear "
            "layer have, and what does a norm learn?",
        ),
        Slip(
            "four_times_ti",
            4 * blocks_of(192),
            "{yours} are four times those of ViT-Ti. A matrix grows "
            "fourfold when its two sides double. A bias and a norm have "
            "one side: how do they grow?",
        ),
        Slip(
            "twice_ti",
            2 * blocks_of(192),
            "{yours} are twice those of ViT-Ti. A matrix has two sides, "
            "and both have doubled. How does it grow?",
        ),
        Slip(
            "rest_once",
            12 * 12 * 384**2 + 13 * 384,
            "{yours} count the matrices of twelve blocks, and biases and "
            "norms of one. Where does the bracket of the formula end?",
        ),
        Slip(
            "no_norms",
            12 * (12 * 384**2 + 9 * 384),
            "{yours} are right for the four linear layers of each block. "
            "The two norms have something to learn, too."
            " How many numbers has each of them?",
        ),
        Slip(
            "no_biases",
            12 * (12 * 384**2 + 4 * 384),
            "{yours} are matrices and norms. What does a linear layer "
            "learn besides its matrix?",
        ),
        Slip(
            "one_norm",
            12 * (12 * 384**2 + 11 * 384),
            "{yours} would be right if a block had one norm, or if a norm "
            "had only its scale. What stands before the MLP, and what "
            "does a norm add?",
        ),
        Slip(
            "with_last_norm",
            blocks_of(384) + 2 * 384,
            "{yours} is with the last norm. It stands behind the blocks "
            "and belongs to the ViT."
            " How many numbers has it?",
        ),
        Slip(
            "attention_only",
            12 * (4 * 384**2 + 4 * 384),
            "{yours} are the attention layers. What else is in a block?",
        ),
        Slip(
            "mlp_only",
            12 * (8 * 384**2 + 5 * 384),
            "{yours} are the MLPs. What else is in a block?",
        ),
        Slip(
            "whole_vit",
            22_050_664,
            "{yours} are in the whole ViT-S/16, with its patches, its "
            "positions and its head. Here only the blocks count."
            " What is left without these?",
        ),
        Slip(
            "width_of_ti",
            blocks_of(192),
            "{yours} are those of ViT-Ti, 192 wide. How wide is ViT-S?",
        ),
        Slip(
            "width_of_b",
            blocks_of(768),
            "{yours} are those of ViT-B, 768 wide. How wide is ViT-S?",
        ),
    ),
)
