"""Who asks, how that is found out, and what they may see.

A request's bearer token becomes a `Principal` in `gate`, before anything else of the request is
read; what a route asks of its callers stands in its dependencies (`rules`). Accounts and API keys
themselves are in `accounts` and `api_keys`.
"""
