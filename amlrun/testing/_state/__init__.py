"""What is kept, and what time it is."""
