"""The room of the first page."""
