"""The chart's values: one model, of which values.yaml, its schema and its page in docs are made.

It stands beside the chart and is in no image: only `make generate` and tests use it. The settings
that may be written under ``config`` come from the parts' own models, so a setting that a part does
not know is refused before anything is installed.
"""
