"""The pictures, the weights and the stored results of the book."""
