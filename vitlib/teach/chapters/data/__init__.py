"""The room of the chapter on data."""
