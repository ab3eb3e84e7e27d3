#!/bin/sh
# Installs mmcv with compiled operators, in place of mmcv-lite if that is there.
# Usage: sh requirements/install_mmcv.sh PYTHON; torch, setuptools<81, wheel and ninja must be installed in it.
set -eu
python=$1
constraints=$(dirname "$0")/constraints.txt
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT

has_operators() {
    "$python" -c 'import torch, mmcv._ext' 2>"$wheels/reason"
}

build_and_install() {
    # Isolation would hide torch from mmcv's setup.py, which then silently leaves the operators out.
    # The caller's own flags come last; -g0 -O2 halves the time.
    if ! CFLAGS="-g0 -O2 ${CFLAGS:-}" MMCV_WITH_OPS=1 MAX_JOBS="${JOBS:-$(getconf _NPROCESSORS_ONLN)}" \
        "$python" -m pip wheel -qq --no-build-isolation --no-deps -c "$constraints" -w "$wheels" mmcv; then
        echo 'error: mmcv did not build (see above): it needs a C++17 compiler, for example g++ 9 or newer' >&2
        exit 1
    fi
    # Only now, so that a failed build leaves mmcv-lite usable; both fill the same folder.
    "$python" -m pip uninstall -qq --yes mmcv mmcv-lite
    "$python" -m pip install -qq --no-deps "$wheels"/mmcv-*.whl
}

if has_operators; then
    exit 0
fi
build_and_install
if has_operators; then
    exit 0
fi
# pip's cache may hold a wheel that was built without operators or against another torch.
"$python" -m pip cache remove -qq mmcv || true
rm -f "$wheels"/mmcv-*.whl
build_and_install
if ! has_operators; then
    echo "error: mmcv was built, but importing its compiled operators fails: $(tail -n 1 "$wheels/reason")" >&2
    exit 1
fi
