"""x"""

from pathlib import Path
from typing import Any


def write_report(trained: Any, predictor: Any, data: Any, folder: Path) -> Path:
    raise NotImplementedError
