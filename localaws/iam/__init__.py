"""Who may do what: the roles' real policies, held against what each call needs."""
