"""What goes over the wire: who answers, what is recorded, what goes wrong, who waits."""
