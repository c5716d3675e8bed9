"""Sessions: create, find, describe, steer."""
