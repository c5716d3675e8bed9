"""The gateway: HTTP for people, sessions behind one small interface, history in SQL."""
