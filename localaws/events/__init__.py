"""EventBridge: what the account's services tell, and how it reaches a rule's targets."""
