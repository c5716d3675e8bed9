"""How many sessions a user may have at once: the settings, or what an admin set for them."""
