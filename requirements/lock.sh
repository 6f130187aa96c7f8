#!/bin/sh
# Rewrites the hash-pinned lock files from pyproject.toml: `make lock`.
set -eu
cd "$(dirname "$0")/.."
for extra in demo test; do
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --extra "$extra" --output-file "requirements/$extra.txt" pyproject.toml requirements/build.in
done
