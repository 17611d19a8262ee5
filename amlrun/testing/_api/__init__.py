"""What the API looks like: requests, replies, errors, and the definitions of bodies."""
