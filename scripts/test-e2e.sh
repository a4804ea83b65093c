#!/usr/bin/env bash
# Real browser against the real binary.
. "$(dirname "$0")/env.sh"
bash scripts/build.sh
node --test --test-concurrency=1 --test-timeout=1200000 conformance/e2e/*.test.mjs
