"""The room of the bug clinic."""
