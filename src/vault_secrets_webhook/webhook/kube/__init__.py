"""The Kubernetes API as far as the webhook needs it: where it is, who we are, and reading two kinds of object."""
