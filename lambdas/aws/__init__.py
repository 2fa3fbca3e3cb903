"""The only code that speaks to AWS: boto3 responses in, domain types out."""
