"""The credential proxy: the one process that holds the secrets of the model and of git.

Sessions reach the model, their repositories and the hosts they may use through it and prove
themselves with a token of their own. It knows nothing of the rest of the gateway.

Modules: settings; passes (whose token it is); accounts and budgets (what may be spent, what was);
prices, usage (what a response costs); upstreams, model (Anthropic's API); app, server, metrics.
"""
