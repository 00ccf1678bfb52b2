#!/usr/bin/env bash
# The Python programs of the tests, in a virtual environment of their own. Does nothing when it is up to date.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
wanted=$ci_top/tests/clients/requirements.txt
stamp=$ci_venv/requirements.txt

cmp -s "$wanted" "$stamp" && exit 0
need_packages python3=python3
say "installing the Python programs into $ci_venv"
rm -rf "$ci_venv"
python3 -m venv "$ci_venv" || { need_packages no-such-command=python3-venv && python3 -m venv "$ci_venv"; }
"$ci_venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
cp "$wanted" "$stamp"
