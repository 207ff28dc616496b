"""Six photos that are ready to be looked at, with their credits."""

from typing import NamedTuple

from PIL import Image

from vitlib.teach.data.checked import FOLDER


class Example(NamedTuple):
    """A square photo: its name, what it shows, and whom to thank."""

    name: str
    shows: str
    credit: str

    @property
    def file(self) -> str:
        """Where it lies in the package."""
        return f"photo_{self.name}.jpg"

    def image(self) -> Image.Image:
        """Open it: RGB, as many pixels wide as high."""
        with (FOLDER / self.file).open("rb") as file:
            return Image.open(file).convert("RGB")


CAT = "Chelsea, by Stefan van der Walt, CC0"
EXAMPLES = (
    Example("cat", "the cat", CAT),
    Example(
        "astronaut", "the astronaut", "Eileen Collins, NASA, public domain"
    ),
    Example(
        "admiral", "the admiral", "Grace Hopper, US Navy, public domain"
    ),
    Example("closer", "the cat, closer and mirrored", CAT),
    Example("coffee", "the cup of coffee", "Rachel Michetti, CC0"),
    Example("rocket", "the rocket", "SpaceX, public domain"),
)
