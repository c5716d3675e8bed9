"""Measures sessions on the cluster of this machine, as `make up` made it.

Modules: watching (what the API server tells, and when), starting (how soon a session works, and
where the time goes), weighing (what sessions and the control plane hold of memory).
"""
