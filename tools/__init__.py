"""Scripts that write generated files of the repository; none is needed at run time."""
