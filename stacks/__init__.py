"""The CDK application: one construct per capability, composed by one stack per configuration."""
