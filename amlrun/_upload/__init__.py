"""The folder that a job's code is sent from: what goes along, what stays at home, how much it is."""
