"""`python -m simulations.report`."""

import sys

from simulations.report.cli import main

if __name__ == "__main__":
    sys.exit(main())
