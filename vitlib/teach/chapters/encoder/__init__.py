"""The room of the chapter on the encoder."""
