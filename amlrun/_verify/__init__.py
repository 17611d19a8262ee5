"""`amlrun doctor --verify`: a few tiny jobs in a real workspace settle what nobody here has seen.

What they are, and what each is to tell, are values; so is what came of them. One loop sends and watches.
"""
