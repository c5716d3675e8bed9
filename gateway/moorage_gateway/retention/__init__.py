"""Retention: what is over is removed after its time, in small steps, by one replica at a time."""
