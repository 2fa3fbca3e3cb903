"""What a handler is made of: wiring, clock, workers, logger, metrics."""
