"""What operator tests stand on, beside a real Kubernetes API (``controlplane``) and a real Redis.

crew        stands in for the runners of pods, over the wire
process     the operator as a process, under exactly the chart's rules
proxy       between the operator and the API server, with faults on command
record      all pods of all sessions as they were, for "never two at once"
sessions    sessions as a user creates, changes and waits for them
"""
