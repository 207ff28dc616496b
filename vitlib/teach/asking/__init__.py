"""Questions with choices, and the figure that asks them."""
