#!/bin/sh
# Makes .venv: what requirements/SET.txt pins by hash, and this tree as an editable package.
#
#   requirements/install.sh demo|test          (`make demo` and `make test` call it when something has changed)
#
# PYTHON names the interpreter; by default the first of the usual names that is new enough.
set -eu
cd "$(dirname "$0")/.."

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3 python3.14 python3.13 python3.12 python3.11
    fi
    for candidate; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed; none of these is: $*." "Install it, or name it: make PYTHON=/path/to/python3 ..."
}

# Debian and Ubuntu keep the module that puts pip into a new environment in a package of its own.
need_ensurepip() {
    "$1" -c 'import ensurepip' 2>/dev/null && return
    package="$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "install: $package is missing, apt-get brings it"
        export DEBIAN_FRONTEND=noninteractive
        { apt-get -qq update && apt-get -qq --yes install "$package"; } </dev/null || true
        "$1" -c 'import ensurepip' 2>/dev/null && return
    fi
    fail "$1 cannot make virtual environments, because its module ensurepip is missing." \
        "On Debian and Ubuntu: sudo apt-get install $package, then run make again."
}

install_packages() {
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check "$@"
}

[ $# = 1 ] && [ -f "requirements/$1.txt" ] || fail "usage: requirements/install.sh demo|test"
if ! .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python="$(find_python)"
    need_ensurepip "$python"
    echo "install: .venv by $python"
    "$python" -m venv --clear .venv
fi
echo "install: what requirements/$1.txt lists"
install_packages --require-hashes --requirement "requirements/$1.txt"
install_packages --no-deps --no-build-isolation --editable .
# Everything that the demo needs, the tests need too.
touch ".venv/.$1" .venv/.demo
