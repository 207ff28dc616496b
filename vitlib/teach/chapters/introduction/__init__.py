"""The room of the introduction: from words to patches."""
