"""What the credential proxy costs: time to the first byte, and how many streams one process bears.

The same requests to the same scripted model, as they are and by way of the proxy, in turns, so that
both see the same machine.
"""
