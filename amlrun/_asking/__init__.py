"""What was asked: arguments, job files and the team's file, checked and merged into one request."""
