"""API keys: made by users for their scripts, shown once, stored as digests."""
