"""Jobs as bodies: where a plan stands in each type of job, and whether it does. Pure."""
