"""`python -m amlrun`: the command line."""

from __future__ import annotations

import sys

from amlrun._command_line import main

if __name__ == "__main__":
    sys.exit(main())
