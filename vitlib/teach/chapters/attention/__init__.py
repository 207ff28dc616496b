"""The room of the chapter on attention."""
