"""Traces of what becomes of a request, to its answer by Claude; sent with OpenTelemetry.

Nothing here imports OpenTelemetry before the settings ask for it.
"""
