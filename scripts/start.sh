#!/usr/bin/env bash
# Builds what is needed and runs the demo; further arguments go to `pkiaas demo`.
. "$(dirname "$0")/env.sh"
bash scripts/build.sh
exec dist/pkiaas demo --log-format text "$@"
