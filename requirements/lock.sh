#!/bin/sh
# Rewrites the hash-pinned lock files from pyproject.toml: `make lock`.
set -eu
cd "$(dirname "$0")/.."
for extra in demo test; do
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --extra "$extra" --output-file "requirements/$extra.txt" pyproject.toml requirements/build.in
done
# For the webhook's image: the same pins, without markers, which pip would judge by the Python that builds.
for name in requirements:pyproject.toml build-requirements:requirements/build.in; do
    uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes \
        --no-header --no-annotate --constraint requirements/test.txt \
        --output-file "images/webhook/${name%%:*}.txt" "${name##*:}"
done
