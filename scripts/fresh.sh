#!/usr/bin/env bash
# Fails, and says which, when files under the given paths are not as committed: changed, or new.
set -euo pipefail
status=0
git diff --exit-code --stat -- "$@" || status=1
if new=$(git status --porcelain --untracked-files=all -- "$@" | grep '^??'); then
  printf 'generated and not committed:\n%s\n' "$new"
  status=1
fi
exit $status
