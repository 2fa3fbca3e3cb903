"""Auto Scaling: groups, their lifecycle hooks, and the states that an instance passes through."""
