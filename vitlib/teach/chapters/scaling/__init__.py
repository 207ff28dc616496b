"""Chapter 12: what each step to a larger machine buys."""
