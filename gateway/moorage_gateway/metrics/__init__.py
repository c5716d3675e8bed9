"""What the process measures of itself, and GET /metrics on a port of its own."""
