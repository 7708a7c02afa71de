"""Local models: where their files are, how they run, and how long they stay in memory."""
