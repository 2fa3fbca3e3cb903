"""What every simulation needs: jsii quiet while the stack is synthesized."""

from __future__ import annotations

import os

# jsii reads it when node starts, which importing aws_cdk does.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
