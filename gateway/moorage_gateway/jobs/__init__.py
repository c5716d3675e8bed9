"""Background jobs: a queue in Redis that all replicas share (decision record 0034)."""
