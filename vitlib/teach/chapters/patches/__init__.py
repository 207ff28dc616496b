"""The room of the chapter on patches."""
