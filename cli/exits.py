"""With what status a command ends."""

from __future__ import annotations

EXIT_BAD_CONFIG = 2
