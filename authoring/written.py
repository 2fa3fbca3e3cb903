"""What all that a person writes has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Written(BaseModel):
    """Exactly the declared keys, exactly the declared types (no text for a number), not changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
