"""What `python -m vitlib.train` runs."""

import sys

from vitlib.train.command import main

if __name__ == "__main__":
    sys.exit(main())
