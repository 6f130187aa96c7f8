"""The Kubernetes API as far as the webhook needs it: where it is, who we are, and one module for each use of it.

discovery      which cluster: that of a kubeconfig, or the one that this pod runs in
kubeconfig     reads kubeconfig files
cluster        what is known of a cluster: its URL, whom to trust, who we are there
credentials    who we are: fixed, in a file, or from a plugin (plugin)
client         sends requests, again and again if need be
objects        gives mutations what they ask for (`webhook.lookup`), from a client
secrets, webhook_configurations    the Secret with own certificates, and the caBundle that trusts them
"""
