"""What all live figures share, in Python and in the browser."""
