"""The studio: the tables as pages, for admins, to be read and never written (decision 0036)."""
