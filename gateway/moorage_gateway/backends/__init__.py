"""Where sessions live: one small interface, one folder per implementation."""
