"""`python -m simulations.fidelity`."""

import sys

from simulations.fidelity.cli import main

if __name__ == "__main__":
    sys.exit(main())
