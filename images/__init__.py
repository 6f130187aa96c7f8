"""Builds the container images of vault-env and of the webhook without a container engine, from Debian's packages.

`python3 -m images.build`. Standard library only, so that any Python 3.11 runs it, in a bare build container too. Knows
nothing of what the webhook does: of the project it reads the version, the lock files and the wheel.
"""
