"""What the job files of this folder would run; no test does."""
