"""What the service says of what can be had: read, understood, kept, and counted down by what was sent."""
