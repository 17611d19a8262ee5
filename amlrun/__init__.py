"""amlrun: from a training script to a finished Azure Machine Learning job."""
