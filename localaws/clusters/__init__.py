"""EKS: what moto lacks of it."""
