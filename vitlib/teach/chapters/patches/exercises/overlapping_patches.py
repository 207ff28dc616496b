"""Check your `overlapping_patches(images, patch_size, step)`."""

from collections.abc import Callable

from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from vitlib.teach.checking.inputs import Draw
from vitlib.teach.checking.piece import Case, Mistake, Piece
from vitlib.teach.checking.words import count_of


def overlapping_patches(
    images: Tensor, patch_size: int, step: int
) -> Tensor:
    """(b, c, h, w) -> (b, n, p * p * c), a patch every `step` pixels."""
    p = patch_size
    windows = images.unfold(2, p, step).unfold(3, p, step)
    return rearrange(windows, "b c row col y x -> b (row col) (y x c)")


def cases() -> list[Case]:
    """Steps that fit and that do not, down to a single pixel."""
    draw, found = Draw(22), []
    for batch, channels, height, width, p, step in [
        (2, 3, 8, 12, 4, 2),
        (1, 2, 9, 7, 4, 3),
        (2, 1, 6, 9, 3, 3),
        (1, 3, 5, 8, 4, 1),
        (2, 2, 7, 5, 3, 2),
        (1, 3, 7, 9, 4, 2),
        (2, 1, 11, 13, 6, 2),
        (1, 2, 10, 11, 4, 3),
    ]:
        words = (
            f"{count_of(batch, 'image')} of {height} by {width} pixels, a "
            f"patch of {p} every {count_of(step, 'pixel')}"
        )
        images = draw.normal(batch, channels, height, width)
        inputs = {"images": images, "patch_size": p, "step": step}
        found.append(Case(words, inputs, tells={"p": p, "step": step}))
    return found


def windows_as(pattern: str) -> Callable:
    """Give patches that overlap, of this pattern."""

    def wrong(images: Tensor, patch_size: int, step: int) -> Tensor:
        windows = images.unfold(2, patch_size, step)
        return rearrange(windows.unfold(3, patch_size, step), pattern)

    return wrong


def no_overlap(images: Tensor, patch_size: int, step: int) -> Tensor:
    """Ignore the step."""
    return overlapping_patches(images, patch_size, patch_size)


def size_and_step_swapped(
    images: Tensor, patch_size: int, step: int
) -> Tensor:
    """Take the step for the side."""
    return overlapping_patches(images, step, patch_size)


def step_as_dilation(images: Tensor, patch_size: int, step: int) -> Tensor:
    """Give the step by position: it is taken for the dilation."""
    return F.unfold(images, patch_size, step).mT


def over_the_edge(images: Tensor, patch_size: int, step: int) -> Tensor:
    """Let the last ones hang over the edge."""
    hang = [-(side - patch_size) % step for side in images.shape[2:]]
    images = F.pad(images, (0, hang[1], 0, hang[0]))
    return overlapping_patches(images, patch_size, step)


def side_by_side_first(
    images: Tensor, patch_size: int, step: int
) -> Tensor:
    """Crop to what patches side by side would cover."""
    height, width = (
        s // patch_size * patch_size for s in images.shape[2:]
    )
    whole = images[:, :, :height, :width]
    return overlapping_patches(whole, patch_size, step)


def half_a_patch(images: Tensor, patch_size: int, step: int) -> Tensor:
    """Take half a patch for the step, whatever is asked for."""
    return overlapping_patches(images, patch_size, max(1, patch_size // 2))


def unfold_reshaped(images: Tensor, patch_size: int, step: int) -> Tensor:
    """Reshape the columns of `F.unfold` where they should be turned."""
    columns = F.unfold(images, patch_size, stride=step)
    return columns.reshape(len(images), -1, columns.shape[1])


def sides_first(
    change: Callable[[int, int, int], int],
) -> Callable:
    """Give patches of a picture whose sides are changed before."""

    def wrong(images: Tensor, patch_size: int, step: int) -> Tensor:
        more = [change(s, patch_size, step) for s in images.shape[2:]]
        images = F.pad(images, (0, more[1], 0, more[0]))
        return overlapping_patches(images, patch_size, step)

    return wrong


def last_place_missing(
    images: Tensor, patch_size: int, step: int
) -> Tensor:
    """Stop before the last place, as `range(0, h - p, step)` does."""
    return overlapping_patches(images[:, :, :-1, :-1], patch_size, step)


PIECE = Piece(
    module=__name__,
    number=5,
    reference=overlapping_patches,
    cases=cases,
    axes="images, patches, numbers of a patch",
    next="With the step as long as the side, this is `patchify`. On the "
    "cat, a patch of 16 every 8 pixels makes 729 words where there were "
    "196, and for attention 531,441 pairs where there were 38,416.",
    mistakes=(
        Mistake(
            "channels_first",
            windows_as("b c row col y x -> b (row col) (c y x)"),
            "All the right patches, in the wrong order inside. {seen} "
            "`Unfold` counts the "
            "channels first, `patchify` last."
            " Which axis has to move to the end?",
        ),
        Mistake(
            "patches_column_by_column",
            windows_as("b c row col y x -> b (col row) (y x c)"),
            "Every patch is right, and the sequence goes down the "
            "columns. {seen} "
            "Which of your two loops is the inner one?",
        ),
        Mistake(
            "pixels_column_by_column",
            windows_as("b c row col y x -> b (row col) (x y c)"),
            "The right patches, each mirrored along its diagonal. "
            "{seen} Inside a "
            "patch, which comes first, x or y?",
        ),
        Mistake(
            "no_overlap",
            no_overlap,
            "Your patches do not overlap: your shape is {shape}, wanted "
            "is {right}. They are {p} pixels wide, and one begins every "
            "{step}. Where does `step` go?",
        ),
        Mistake(
            "step_as_dilation",
            step_as_dilation,
            "Your patches take every so many pixels: the shape is "
            "{shape}, wanted is {right}. The third argument of `F.unfold` "
            "is the `dilation`. By which name do you give it the step?",
        ),
        Mistake(
            "size_and_step_swapped",
            size_and_step_swapped,
            "Side and step have changed places: your shape is {shape}, "
            "wanted is {right}. A patch is {p} pixels wide, and the next "
            "begins {step} further on."
            " Which argument is which?",
        ),
        Mistake(
            "last_place_missing",
            last_place_missing,
            "The last place is missing: your shape is {shape}, wanted is "
            "{right}. A patch that ends exactly at the edge still fits. "
            "Where does your `range` stop?",
        ),
        Mistake(
            "side_by_side_first",
            side_by_side_first,
            "Right where the picture is made of whole patches. Of others "
            "you cut too much away first: your shape is {shape}, wanted "
            "is {right}. With a step of {step} a patch of {p} may reach "
            "beyond the last that stands side by side with the first. "
            "When does it no longer fit?",
        ),
        Mistake(
            "padded_to_whole_steps",
            sides_first(lambda side, patch, step: -side % step),
            "You pad the picture until its sides are whole steps, and so "
            "patches come in that are partly made up: your shape is "
            "{shape}, wanted is {right}. What does not fit is left out."
            " Where may the last patch begin?",
        ),
        Mistake(
            "padded_to_whole_patches",
            sides_first(lambda side, patch, step: -side % patch),
            "You pad the picture until its sides are whole patches, and "
            "so patches come in that are partly made up: your shape is "
            "{shape}, wanted is {right}. What does not fit is left out."
            " Where may the last patch begin?",
        ),
        Mistake(
            "cut_to_whole_steps",
            sides_first(lambda side, patch, step: -(side % step)),
            "You cut the picture first, until its sides are whole steps, "
            "and patches are lost that fit: your shape is {shape}, wanted "
            "is {right}. Steps are counted to where a patch begins. Where "
            "may the last one begin?",
        ),
        Mistake(
            "half_a_patch",
            half_a_patch,
            "Your patches begin every half patch, and here they should "
            "begin every {step}: your shape is {shape}, wanted is "
            "{right}. Where does `step` go?",
        ),
        Mistake(
            "unfold_reshaped",
            unfold_reshaped,
            "The shape is right, but it is reached by a `reshape`, which "
            "moves no number: `F.unfold` gives a patch in each column. "
            "{seen} What turns columns into rows?",
        ),
        Mistake(
            "over_the_edge",
            over_the_edge,
            "The last of your patches hang over the edge, filled up with "
            "zeros: your shape is {shape}, wanted is {right}. What does "
            "not fit is left out."
            " Where may the last patch begin?",
        ),
        Mistake(
            "columns_of_unfold",
            windows_as("b c row col y x -> b (c y x) (row col)"),
            "This is `Unfold` as torch gives it: your shape is {shape}, "
            "wanted is {right}, a patch in each row. When you have turned "
            "it, look at the order inside a patch too."
            " What turns columns into rows?",
        ),
        Mistake(
            "patches_as_columns",
            windows_as("b c row col y x -> b (y x c) (row col)"),
            "The numbers are right, and the last two axes have changed "
            "places: your shape is {shape}, wanted is {right}."
            " What turns columns into rows?",
        ),
        Mistake(
            "still_a_grid",
            windows_as("b c row col y x -> b row col (y x c)"),
            "The patches are right, but they still stand in a grid: your "
            "shape is {shape}, wanted is {right}."
            " Which two axes become one?",
        ),
        Mistake(
            "still_squares",
            windows_as("b c row col y x -> b (row col) y x c"),
            "The patches are right, but each is still a small picture: "
            "your shape is {shape}, wanted is {right}."
            " Which three axes become one?",
        ),
    ),
)
