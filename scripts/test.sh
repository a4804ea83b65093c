#!/usr/bin/env bash
# Everything: generated code fresh, lint, unit tests, PostgreSQL, conformance, browser.
. "$(dirname "$0")/env.sh"
. scripts/postgres.sh

install_tools() {
  local missing=()
  { ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 || command -v initdb >/dev/null; } || missing+=(postgresql)
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
  command -v openssl >/dev/null || missing+=(openssl)
  command -v javac >/dev/null || missing+=(default-jdk-headless)
  [ -e /usr/share/java/bcprov.jar ] || missing+=(libbcprov-java)
  command -v curl >/dev/null || missing+=(curl)
  command -v jq >/dev/null || missing+=(jq)
  command -v certutil >/dev/null || missing+=(libnss3-tools)
  command -v softhsm2-util >/dev/null || missing+=(softhsm2)
  command -v p11-kit >/dev/null || missing+=(p11-kit)
  ls /usr/lib/*/pkcs11/p11-kit-client.so >/dev/null 2>&1 || missing+=(p11-kit-modules)
  command -v pkcs11-tool >/dev/null || missing+=(opensc)
  command -v gcore >/dev/null || missing+=(gdb)
  command -v ocsptool >/dev/null || missing+=(gnutls-bin)
  for client in certbot lego dehydrated uacme; do command -v $client >/dev/null || missing+=($client); done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
  else
    echo "these are missing, install them first: ${missing[*]} (Debian: apt-get install ${missing[*]})" >&2
    exit 1
  fi
}

# The other implementations that verify what every algorithm signs.
install_verifiers() {
  local dir=conformance/algorithms
  if [ ! -e $dir/node_modules/.package-lock.json ] || [ $dir/package-lock.json -nt $dir/node_modules/.package-lock.json ]; then
    npm ci --prefix $dir --no-fund --no-audit --loglevel=error
    touch $dir/node_modules/.package-lock.json
  fi
}

results=$(mktemp -d)
passed=0 failed=0
step() {
  local name=$1
  shift
  local start=$SECONDS
  echo "== $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name"
  fi
  echo "   $((SECONDS - start)) s"
}
generated_is_fresh() {
  bash scripts/generate.sh && bash scripts/fresh.sh graph frontend/src/gql docs
}
# The counts come from what each runner says, not from here.
go_tests() {
  local status=0
  go test -timeout 60m -json "$@" >"$results/go.json" || status=$?
  node scripts/go-results.mjs "$results/go.json" "$results/counts"
  return $status
}
# One story for each way of signing and one of decrypting, with every key in SoftHSM; the key store itself is tested in pki/keystore.
hsm_stories='TestACME|TestADelegateThatDecrypts|TestAMovedKeyTakesItsOCSPSignerAlong|TestAnExternalRootCertifies|TestCompatibleSigners|TestCredentialAuthority|TestDeltaCRL|TestGatewayContract|TestIssuanceIsApproved|TestRenewalWithANewKeyUnderLoad|TestRenewalWithTheSameKey|TestShards|TestWhatTimeDoes'
hsm_stories+='|TestEveryAlgorithm|TestForeignClientsAgree|TestKill|TestTwoServers'
hsm_tests() {
  PKIAAS_TEST_KEYSTORE=softhsm go_tests -count=1 -run "^($hsm_stories)\$" ./server ./conformance
}
console_tests() {
  local status=0
  (cd frontend && npx vitest run --reporter=default --reporter=json --outputFile="$results/vitest.json") || status=$?
  node -e 'const r=JSON.parse(require("fs").readFileSync(process.argv[1]));require("fs").appendFileSync(process.argv[2],`${r.numPassedTests} ${r.numFailedTests}\n`)' "$results/vitest.json" "$results/counts"
  return $status
}
browser_tests() {
  local status=0
  node --test --test-concurrency=1 --test-timeout=1200000 --test-reporter=tap conformance/e2e/*.test.mjs >"$results/browser.tap" || status=$?
  grep -E '^(not )?ok |^# (pass|fail) ' "$results/browser.tap" || true
  [ $status = 0 ] || grep -B2 -A25 '^not ok' "$results/browser.tap" | head -80
  echo "$(sed -n 's/^# pass //p' "$results/browser.tap") $(sed -n 's/^# fail //p' "$results/browser.tap")" >>"$results/counts"
  return $status
}

install_tools
install_packages
install_verifiers
step "generated code is fresh" generated_is_fresh
step "lint" bash scripts/lint.sh
step "console" console_tests
step "build" bash scripts/build.sh
start_postgres
export CI="${CI:-}"
step "go, with PostgreSQL and conformance" go_tests ./...
step "go, keys in an HSM" hsm_tests
step "browser" browser_tests

while read -r p f; do
  passed=$((passed + p)) failed=$((failed + f))
done <"$results/counts"
rm -rf "$results"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
