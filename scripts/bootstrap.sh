#!/bin/sh
# Find a Python that is new enough and hand over to bootstrap.py. Plain sh, since nothing else is sure to be there.
set -eu

here=$(dirname "$0")

new_enough() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if ! new_enough "$PYTHON"; then
        echo "PYTHON=$PYTHON: not a Python 3.11 or later that runs; set PYTHON to the path of one" >&2
        exit 1
    fi
    exec "$PYTHON" "$here/bootstrap.py" "$@"
fi

for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
    if new_enough "$candidate"; then
        exec "$candidate" "$here/bootstrap.py" "$@"
    fi
done

echo "python3: no Python 3.11 or later found on PATH; install one (Debian, Ubuntu: apt install python3 python3-venv) or run make PYTHON=/path/to/python" >&2
exit 1
