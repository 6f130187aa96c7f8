"""The main path on one machine: a real OpenBao, the real HTTPS handler, the real vault-env; only kubelet is played.

sample.py      what is deployed, and the secret it asks for
openbao.py     a development server of our own
identity.py    what a cluster would give: a key that signs ServiceAccount tokens
preparation.py what an operator does beforehand: the secret, a policy, a login role
review.py      what the API server does: asks the webhook
container.py   what kubelet does: starts the container's command with the container's environment
scenario.py    one after the other, shown on a Screen (screen.py)
"""
