"""One small module for each job type: where placement, identity and the rest stand in its body."""
