"""The room of the chapter on training."""
