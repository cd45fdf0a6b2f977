#!/usr/bin/env bash
# Write the hashed requirement files anew from pyproject.toml (`make lock`).
#
# dev.txt is solved first; runtime.txt and build.txt are held to its versions, so that one virtual
# environment can hold all three. The machine's own pip settings (find-links, another index) are put
# aside, so that the hashes are those that everybody can install; nothing in the files says where from.
set -euo pipefail
cd "$(dirname "$0")/.."

unset PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_NO_INDEX
export PIP_FIND_LINKS=
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

compile() { # NAME HEADER ARGUMENTS…
    local name=$1 header=$2
    shift 2
    .venv/bin/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
        --output-file "$scratch/$name" "$@" "${upgrade[@]}" >"$scratch/log" 2>&1 \
        || { cat "$scratch/log" >&2; return 1; }
    { printf '# %s Written by `make lock`; do not edit.\n' "$header"; cat "$scratch/$name"; } >"$scratch/$name.done"
}

upgrade=()
[ "${1:-}" = --upgrade ] && upgrade=(--upgrade)
# Start from the versions that are locked now: only what must change changes.
for name in dev runtime build; do
    [ ! -f "requirements/$name.txt" ] || cp "requirements/$name.txt" "$scratch/$name.txt"
done

# pip-tools reads no dependency groups: they are spelled out for it.
.venv/bin/python scripts/dependency_group.py dev >"$scratch/dev.in"
.venv/bin/python scripts/dependency_group.py build >"$scratch/build.in"

compile dev.txt "All that developing and testing clusterproof needs." "$scratch/dev.in" pyproject.toml
# A constraint has no hashes and no extras, only the versions.
grep -Eo '^[A-Za-z0-9._-]+==[^ ;\\]+' "$scratch/dev.txt" >"$scratch/versions"
compile runtime.txt "What clusterproof needs to run." --constraint "$scratch/versions" pyproject.toml
compile build.txt "What building clusterproof needs." --constraint "$scratch/versions" "$scratch/build.in"

for name in dev runtime build; do
    mv "$scratch/$name.txt.done" "requirements/$name.txt"
done
