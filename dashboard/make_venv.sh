# Make the virtual environment for `make`: sh make_venv.sh, with PYTHON and VENV set.
set -eu

if ! command -v "$PYTHON" >/dev/null; then
    echo "$PYTHON is not installed; Python 3.11 or newer is needed." >&2
    exit 1
fi
"$PYTHON" - <<'CHECK'
import sys

if sys.version_info < (3, 11):
    sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}. Set PYTHON=python3.x")
CHECK

# Debian and Ubuntu keep the half of venv that brings pip in a package of its own.
if ! "$PYTHON" -c 'import ensurepip' 2>/dev/null; then
    package=$("$PYTHON" -c 'import sys; print(f"python3.{sys.version_info[1]}-venv")')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $package ..."
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package" >/dev/null
    else
        echo "Python's venv module is incomplete here. Install $package (sudo apt-get install $package) and try again." >&2
        exit 1
    fi
fi

rm -rf "$VENV"
"$PYTHON" -m venv "$VENV"
