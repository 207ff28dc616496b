"""The room of the chapter on the patch embedding."""
