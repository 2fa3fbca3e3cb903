"""`demo`: the main job from end to end in an embedded account, with everything a person wants to see of it."""
