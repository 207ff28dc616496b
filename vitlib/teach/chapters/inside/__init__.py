"""The room of the chapter on looking inside."""
