"""The room of the chapter on the state of the art."""
