"""What the scripts in experiments/ are set to."""

import ast


def constants(script):
    """Names in capitals that a script sets to plain values."""
    found = {}
    for node in ast.parse(script.read_text()).body:
        if isinstance(node, ast.Assign):
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                continue
            found[node.targets[0].id] = value
    return found
