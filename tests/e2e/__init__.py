"""The main job on a real cluster: `make e2e` has `python -m deployment up` make it, and runs this.

Everything is real but the model, which is scripted and runs in a pod of its own. Tests marked
`alone` take away what others stand on; they run after the others, one at a time.
"""
