"""Live figures: widgets in a notebook, alive on the page without one."""
