#!/usr/bin/env bash
# Make .venv ready: `setup.sh runtime` to run clusterproof, `setup.sh dev` to develop and test it too.
#
# A stamp in .venv, keyed by everything that set-up depends on, says that it is done; it is written last,
# so what was interrupted is made again from the start. All talk goes to stderr.
set -euo pipefail
cd "$(dirname "$0")/.."

level=${1:?usage: setup.sh runtime|dev}
venv=.venv
log=$venv/setup.log

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# What of the project goes into the stamp: requirements, metadata, and the place (a venv cannot be moved).
key() {
    { pwd -P; cat pyproject.toml scripts/setup.sh "$@"; } | cksum | tr ' ' -
}
runtime_stamp=$venv/.stamp-runtime-$(key requirements/build.txt requirements/runtime.txt)
dev_stamp=$venv/.stamp-dev-$(key requirements/build.txt requirements/runtime.txt requirements/dev.txt)

ready() { # Is what is asked for there? (dev holds all that runtime holds)
    { [ -e "$dev_stamp" ] || { [ "$level" = runtime ] && [ -e "$runtime_stamp" ]; }; } \
        && "$venv/bin/python" -c '' 2>/dev/null
}
ready && exit 0

# One set-up at a time (`make -j`, two terminals); the second finds the work done.
if command -v flock >/dev/null; then
    exec 9>.venv.lock
    flock 9
    ready && exit 0
fi

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
can_make_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

find_python() { # Sets python: one that can make a venv if there is one, else any that is new enough.
    local candidate
    python=
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3}; do
        usable "$candidate" || continue
        python=${python:-$candidate}
        if can_make_venv "$candidate"; then
            python=$candidate
            return
        fi
    done
}

debian_install() { # PACKAGE…: from Debian, where that is possible.
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" = 0 ] || return 1
    say "installing the Debian packages $*"
    {
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null \
            || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null; }
    } >&2
}

find_python
if [ -z "$python" ] && [ -z "${PYTHON:-}" ] && debian_install python3 python3-venv; then
    find_python
fi
[ -n "$python" ] || die "Python 3.11 or newer is missing${PYTHON:+ (PYTHON=$PYTHON is not)}; install it, or name it: make PYTHON=/path/to/python3 …"
if ! can_make_venv "$python"; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    debian_install python3-venv && find_python
    can_make_venv "$python" \
        || die "the module venv of Python $version is missing; install it (Debian, Ubuntu: sudo apt-get install python$version-venv)"
fi

if ! compgen -G "$venv/.stamp-*" >/dev/null || ! "$venv/bin/python" -c '' 2>/dev/null; then
    say "making $venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv" >&2 || die "$python could not make $venv"
fi
# From here on, until the new stamp is written, an interruption means starting over.
rm -f "$venv"/.stamp-*

pip() { # SENTENCE ARGUMENTS…: run pip quietly; where it fails, show its end and say the sentence
    local sentence=$1
    shift
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input "$@" >>"$log" 2>&1 </dev/null && return
    tail -n 15 "$log" >&2
    die "$sentence (all that pip said: $log)"
}

: >"$log"
wanted=(--requirement requirements/runtime.txt --requirement requirements/build.txt)
[ "$level" = runtime ] || wanted+=(--requirement requirements/dev.txt)
say "installing the locked requirements ($level)"
pip "the locked requirements could not be installed: can pip reach a package index from here?" install --require-hashes "${wanted[@]}"
say "installing clusterproof"
pip "clusterproof itself could not be installed" install --no-deps --no-build-isolation --editable .
[ "$level" = runtime ] || "$venv/bin/python" -m pip check >&2 || die "the locked requirements contradict one another; run: make lock"

[ "$level" = runtime ] || touch "$dev_stamp"
touch "$runtime_stamp"
say "done: $venv/bin/clusterproof"
