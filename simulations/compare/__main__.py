"""`python -m simulations.compare`."""

import sys

from simulations.compare.cli import main

if __name__ == "__main__":
    sys.exit(main())
