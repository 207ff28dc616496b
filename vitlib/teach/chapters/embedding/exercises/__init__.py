"""One file an exercise, named as its checker."""
