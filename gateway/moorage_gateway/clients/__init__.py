"""What the gateway's parts share to reach Redis."""
