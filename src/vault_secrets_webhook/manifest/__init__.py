"""Kubernetes manifests as text: read as Kubernetes reads them, searched for pod templates, changed by patches, written.

Knows nothing of secrets and of what a mutation is about.
"""
