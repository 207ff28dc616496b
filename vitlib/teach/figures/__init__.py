"""The book's figures: one module a chapter, one call a figure."""
