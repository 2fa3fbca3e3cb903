"""What the product costs, each figure held against the least that it could cost."""
