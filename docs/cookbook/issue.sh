#!/usr/bin/env bash
# The whole job through GraphQL: a root, an issuing CA, a certificate from a CSR, its check, its revocation, and CRL and
# OCSP that follow. Needs curl, jq, openssl and the manifest of a running server:
#   docs/cookbook/issue.sh data/manifest.json
set -euo pipefail
manifest=${1:?"usage: $0 MANIFEST"}
read -r url token ca_file partition public < <(jq -r '[.graphql.url, .graphql.token, .tlsCaFile, .partition.id, .publicUrl] | join(" ")' "$manifest")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ask QUERY VARIABLES-JSON FILTER
ask() {
  jq -n --arg query "$1" --argjson variables "$2" '{query: $query, variables: $variables}' >"$work/request.json"
  curl -sS --cacert "$ca_file" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d @"$work/request.json" "$url" >"$work/answer.json"
  if jq -e .errors "$work/answer.json" >/dev/null; then
    jq -r '.errors[] | "\(.extensions.code) \(.extensions.field // ""): \(.message) \(.extensions.action // "")"' "$work/answer.json" >&2
    exit 1
  fi
  jq -r "$3" "$work/answer.json"
}

create='mutation($i: CreateCertificationAuthorityInput!) { createCertificationAuthority(input: $i) { ... on CertificationAuthorityPayload { certificationAuthority { id } } } }'
wait_active() {
  for _ in $(seq 100); do
    case $(ask 'query($id: ID!) { certificationAuthority(id: $id) { status } }' "{\"id\": \"$1\"}" .data.certificationAuthority.status) in
      ACTIVE) return ;;
      FAILED) echo "creation failed" >&2; exit 1 ;;
    esac
    sleep 0.2
  done
  exit 1
}
suffix=$(openssl rand -hex 3)
root=$(ask "$create" "{\"i\": {\"partitionId\": \"$partition\", \"type\": \"ROOT\", \"identifier\": \"root-$suffix\", \"friendlyName\": \"Cookbook Root\", \"signingAlgorithm\": \"ECDSAP384+SHA384\", \"subject\": \"CN=Cookbook Root $suffix\"}}" .data.createCertificationAuthority.certificationAuthority.id)
wait_active "$root"
issuing=$(ask "$create" "{\"i\": {\"partitionId\": \"$partition\", \"type\": \"ISSUING\", \"parentId\": \"$root\", \"identifier\": \"issuing-$suffix\", \"friendlyName\": \"Cookbook Issuing\", \"signingAlgorithm\": \"ECDSAP256+SHA256\", \"subject\": \"CN=Cookbook Issuing $suffix\", \"ocspEnabled\": true, \"profileIds\": [\"privatessl-tls-client-server\"]}}" .data.createCertificationAuthority.certificationAuthority.id)
wait_active "$issuing"
pem='query($id: ID!) { certificationAuthority(id: $id) { certificatePem } }'
ask "$pem" "{\"id\": \"$root\"}" .data.certificationAuthority.certificatePem >"$work/root.pem"
ask "$pem" "{\"id\": \"$issuing\"}" .data.certificationAuthority.certificatePem >"$work/issuing.pem"

openssl req -newkey rsa:2048 -nodes -keyout "$work/key.pem" -subj /CN=www.example.com -addext subjectAltName=DNS:www.example.com -out "$work/request.csr" 2>/dev/null
id=$(ask 'mutation($i: IssueCertificateInput!) { issueCertificate(input: $i) { ... on IssueCertificatePayload { certificate { id pem } } } }' "$(jq -n --arg ca "$issuing" --rawfile csr "$work/request.csr" '{i: {caId: $ca, profileId: "privatessl-tls-client-server", csr: $csr}}')" .data.issueCertificate.certificate.id)
jq -r .data.issueCertificate.certificate.pem "$work/answer.json" >"$work/certificate.pem"
openssl verify -CAfile "$work/root.pem" -untrusted "$work/issuing.pem" -purpose sslserver "$work/certificate.pem" | sed "s#$work/##"

status() {
  openssl ocsp -issuer "$work/issuing.pem" -cert "$work/certificate.pem" -url "$public/ocsp/$partition/issuing-$suffix" -CAfile "$work/root.pem" 2>/dev/null | sed -n "s#$work/certificate.pem: #OCSP: #p"
}
status
ask 'mutation($id: ID!) { revokeCertificate(input: {certificateId: $id, reason: SUPERSEDED}) { certificate { status } } }' "{\"id\": \"$id\"}" '"revoked: " + .data.revokeCertificate.certificate.status'
for _ in $(seq 50); do
  for ca in root issuing; do curl -sS "$public/crl/$partition/$ca-$suffix/crl.crl" | openssl crl -inform DER; done >"$work/crls.pem"
  if ! openssl verify -CAfile "$work/root.pem" -untrusted "$work/issuing.pem" -CRLfile "$work/crls.pem" -crl_check_all "$work/certificate.pem" >"$work/out" 2>&1 && [ "$(status)" = "OCSP: revoked" ]; then
    status
    sed -n 's/.*error 23.*: /CRL: /p' "$work/out"
    exit 0
  fi
  sleep 0.3
done
echo "CRL and OCSP did not follow" >&2
exit 1
