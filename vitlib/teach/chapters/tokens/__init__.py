"""The room of the chapter on class token and positions."""
