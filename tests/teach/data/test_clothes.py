"""The seven thousand clothes are Fashion-MNIST's."""

from vitlib.teach.data.clothes import NAMES, clothes

SIZES = {"train": 6000, "validation": 1000}


def test_every_class_has_a_name_and_about_a_tenth_of_the_pictures():
    assert len(set(NAMES)) == 10
    for part, n in SIZES.items():
        counts = clothes(part)[1].bincount(minlength=10)
        assert len(counts) == 10
        # A tenth of many drawn by chance, give or take four deviations.
        far = 4 * (n * 0.1 * 0.9) ** 0.5
        assert (counts - n / 10).abs().max() < far


def test_the_names_are_those_of_fashion_mnist():
    """Trousers are two columns with a gap; boots are wider below.

    What the classes are called the file does not tell.
    """
    images, labels = clothes("train")
    mean = [images[labels == n].mean(dim=(0, 1)) for n in range(10)]
    trousers, bag, boot = (
        mean[NAMES.index(name)]
        for name in ("trousers", "bag", "ankle boot")
    )
    legs = trousers[20]
    assert legs[10] > 2 * legs[13:15].mean() < legs[17]
    assert boot[20:].mean() > 2 * boot[:6].mean()
    assert bag[18, 4:24].min() > 0.3
