"""What a configuration needs to know of the account that it is deployed into; read, never changed."""
