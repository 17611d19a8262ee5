"""`amlrun doctor`: what stands between this person on this machine and a job, told before one is sent."""
