"""Jobs of every type: what they ask for, how they live, what can happen to them, how they are shown."""
