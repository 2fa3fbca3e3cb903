"""The resource types that this account can create, each made of the API calls a caller would make."""
