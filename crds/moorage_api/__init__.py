"""The contracts that all parts of Moorage meet in.

Resource models (``resources``), events (``events``), what goes into a session's inbox
(``inbox``), its live state (``state``), file operations (``rpc``), Redis keys (``keys``), labels
and object names (``names``). Imports no other part. Does no I/O itself, but for the CRD generator's
command line; ``redis_client`` makes the client with which every part talks to Redis.
"""
