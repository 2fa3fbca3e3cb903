"""The embedded account: a strict AWS on loopback, made of a moto server and what moto lets through."""
