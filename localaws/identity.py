"""Which account it is and where: read without moto, whose import takes more than a second."""

from __future__ import annotations

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
"""The region of a caller that names none; the CDK's bootstrap and the demo use it."""
