"""The room of the chapter on the whole model."""
