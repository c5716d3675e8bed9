"""How much somebody may ask for: requests in a time, counted in Redis for all replicas at once."""
