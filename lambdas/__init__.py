"""What runs in the account: three handlers and what they need."""
