"""Whether the account is as a configuration presupposes: what was seen of it, and what follows from that."""
