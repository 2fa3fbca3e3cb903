"""The operator's command: `python -m cli`, one module per command."""
