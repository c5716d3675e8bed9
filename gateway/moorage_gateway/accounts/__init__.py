"""Accounts: registration, sign-ins and their tokens, what users are to themselves."""
