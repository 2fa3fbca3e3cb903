"""What the cluster is told so that pods get at the interfaces of its nodes."""
