"""The notebooks that train begin first: others would wait for them."""

TRAINING = {"08_training.ipynb", "09_data.ipynb"}


def pytest_collection_modifyitems(items):
    """Keep the order of all others."""
    items.sort(key=lambda item: item.path.name not in TRAINING)
