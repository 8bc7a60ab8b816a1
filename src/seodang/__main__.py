"""`python -m seodang` is the same as `seodang`."""

from __future__ import annotations

from seodang.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
