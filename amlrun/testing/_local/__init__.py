"""The embedded workspace `local`, whose jobs are processes of this machine."""
