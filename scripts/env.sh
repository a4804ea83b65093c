# Sourced by the other scripts: where we are, and which Go. go.mod names the release that has crypto/mldsa; `auto`
# lets any Go since 1.21 fetch it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOTOOLCHAIN=auto
export HOME="${HOME:-/tmp/pkiaas-home}"
mkdir -p "$HOME"

need() {
  command -v "$1" >/dev/null 2>&1 || { echo "$1 is missing: $2" >&2; exit 1; }
}
need go "install Go 1.21 or newer (the right release is fetched from there)"
need node "install Node.js 20.19 or newer"
need npm "install npm"

# npm ci only when the lock file is newer than what is installed.
install_packages() {
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-fund --no-audit --loglevel=error
    touch node_modules/.package-lock.json
  fi
  # The C code of Falcon and SPHINCS+, compiled to WebAssembly: embedded from the package, whose hash the program checks.
  local module=node_modules/pqclean/wasm/gen/pqclean.wasm embedded=pki/algorithm/pqclean/wasm/pqclean.wasm
  cmp -s "$module" "$embedded" || install -m 644 "$module" "$embedded"
}
