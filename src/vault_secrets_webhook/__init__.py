"""Secret injection for Kubernetes from Vault and OpenBao: a mutating admission webhook and `vault-env`."""

__version__ = "0.1.0"
