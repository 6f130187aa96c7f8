"""HTTP as values, and the one place where vault-env opens sockets. Knows nothing of Vault or Kubernetes."""
