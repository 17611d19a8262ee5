"""Jobs as entities of `azure-ai-ml`: how the SDK is brought to write the body of each type of job."""
