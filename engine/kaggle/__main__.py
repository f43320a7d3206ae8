"""`python -m engine.kaggle`; see `engine.kaggle.command`."""

from __future__ import annotations

import sys

from engine.kaggle.command import main

if __name__ == "__main__":
    sys.exit(main())
