#!/bin/sh
# Runs `keepwell` with these words on what is about to be committed; without
# words, checks the playbooks and plays their cases. As a hook of git itself:
#
#   cp contrib/pre-commit/keepwell.sh .git/hooks/pre-commit
#
# KEEPWELL is the program; PLAYBOOKS, SCRIPTS and CONFIG are paths in the
# repository.

set -eu

keepwell=$(command -v "${KEEPWELL:-keepwell}") || {
    echo "keepwell is not on the PATH: install it, or set KEEPWELL to its path" >&2
    exit 1
}
playbooks=${PLAYBOOKS:-playbooks} scripts=${SCRIPTS:-scripts} config=${CONFIG:-keepwell.yaml}

# The index, not the working tree: what is not staged is not committed.
index=$(mktemp -d)
trap 'rm -rf "$index"' EXIT
trap 'exit 1' HUP INT TERM
cd "$(git rev-parse --show-toplevel)"
git ls-files -z -- "$playbooks" "$scripts" "$config" | git checkout-index -z --stdin --prefix="$index/"
cd "$index"
mkdir -p "$playbooks"

run() {
    if [ -e "$config" ]; then
        "$keepwell" --playbooks "$playbooks" --scripts "$scripts" --config "$config" "$@"
    else
        "$keepwell" --playbooks "$playbooks" --scripts "$scripts" "$@"
    fi
}

if [ "$#" -gt 0 ]; then
    run "$@"
else
    run check
    run test
fi
