import type { ClientCommand } from "@/components/CommandTabs";

/** What a client of the CA Gateway must be told. */
export type Access = {
  /** Base of the API, …/cagw/v1. */ url: string;
  partitionId: string;
  /** Identifier of the authority. */ ca: string;
  profile: string;
  /** Name of the PKCS #12 file. */ file: string;
  password: string;
  /** PEM of the root of this server's own HTTPS certificate, null where everybody trusts it. */ root: string | null;
};

/** Commands and settings of the clients that people use, ready to be pasted. */
export function clientCommands(a: Access): ClientCommand[] {
  const gateway = a.url.replace(/\/v1$/, ""); // …/cagw, what most clients call the URL
  const { hostname, port, origin } = new URL(a.url);
  const caId = `${a.partitionId}~${a.ca}`;
  const cacert = a.root ? " --cacert root_ca.crt" : "";
  const password = `export CAGW_PASSWORD='${a.password}'`;
  const subject = "www.example.com";
  const curl = `curl -sS --fail-with-body --cert-type P12 --cert "${a.file}:$CAGW_PASSWORD"${cacert}`;
  return [
    {
      value: "curl",
      label: "curl",
      note: "Lists what the credential may use, issues a certificate and revokes it. Repeating a request with the same Idempotency-Key gives the same certificate.",
      text: `${password}
CA='${a.url}/certificate-authorities/${caId}'
cagw() { ${curl} -H 'Content-Type: application/json' "$@"; }

# The certificate authorities of the credential, and the profiles of this one
cagw ${a.url}/certificate-authorities | jq -r '.caList[].id'
cagw "$CA/profiles" | jq -r '.profiles[].id'

# Issue
openssl req -new -newkey rsa:2048 -nodes -keyout key.pem -subj /CN=${subject} -outform DER -out request.der
jq -n --arg csr "$(openssl base64 -A -in request.der)" '{profileId: "${a.profile}", requiredFormat: {format: "PEM"}, csr: $csr,
  subjectAltNames: [{type: "dNSName", value: "${subject}"}]}' > request.json
cagw "$CA/enrollments" -H "Idempotency-Key: $(openssl dgst -sha256 -r request.json | cut -c1-64)" -d @request.json |
  jq -r .enrollment.body > certificate.pem

# Revoke
SERIAL=$(openssl x509 -in certificate.pem -noout -serial | cut -d= -f2)
cagw "$CA/certificates/$SERIAL/actions" -d '{"action": {"type": "RevokeAction", "reason": "superseded", "issueCrl": "true"}}'`,
    },
    {
      value: "ansible",
      label: "Ansible",
      note: `Collection entrust.crypto. Make the two files once: the module takes PEM.${a.root ? " SSL_CERT_FILE has it trust this server." : ""}`,
      text: `# ${password}
# openssl pkcs12 -in ${a.file} -passin env:CAGW_PASSWORD -clcerts -nokeys -out cagw.crt
# openssl pkcs12 -in ${a.file} -passin env:CAGW_PASSWORD -nocerts -nodes -out cagw.key
- hosts: localhost
${a.root ? "  environment:\n    SSL_CERT_FILE: root_ca.crt\n" : ""}  tasks:
    - entrust.crypto.cagw_certificate:
        request_type: new
        connector_name: PKIaaS
        host: ${hostname}
        port: ${port || 443}
        certificate_authority_id: ${caId}
        certificate_profile_id: ${a.profile}
        enrollment_format: X509
        csr: request.csr
        path: certificate.pem
        subject_alt_name:
          dNSName: ${subject}
        remaining_days: 30
        cagw_api_client_cert_path: cagw.crt
        cagw_api_client_cert_key_path: cagw.key
        cagw_api_specification_path: ~/.ansible/collections/ansible_collections/entrust/crypto/roles/cagw_certificate/files/cagw-api.yaml`,
    },
    {
      value: "vault",
      label: "Vault, OpenBao",
      note: "With cagw-vault-plugin in the plugin directory; on OpenBao write bao for vault. One role of the plugin stands for one authority.",
      text: `${password}
openssl pkcs12 -in ${a.file} -passin env:CAGW_PASSWORD -clcerts -nodes -out cagw.pem
vault plugin register -sha256="$(sha256sum cagw-vault-plugin | cut -c1-64)" secret cagw-vault-plugin
vault secrets enable -path=cagw cagw-vault-plugin
vault write cagw/config/${a.ca} ca_id='${caId}' url=${gateway} pem_bundle=@cagw.pem${a.root ? " cacerts=@root_ca.crt" : ""}
vault write cagw/config/${a.ca}/profiles/${a.profile} ttl=2592000 max_ttl=7776000
vault write cagw/sign/${a.ca} profile=${a.profile} csr=@request.csr subject_variables=cn=${subject} alt_names=dNSName=${subject}`,
    },
    {
      value: "terraform",
      label: "Terraform",
      note: "Needs no provider: save it as main.tf, export CAGW_PASSWORD, terraform init, terraform apply. A failed apply may be repeated: it gets the certificate that was issued. destroy revokes.",
      text: `resource "terraform_data" "certificate" {
  input = {
    name    = "${subject}"
    profile = "${a.profile}"
    ca      = "${a.url}/certificate-authorities/${caId}"
    curl    = "curl -sS --fail-with-body --cert-type P12 --cert ${a.file}:$CAGW_PASSWORD${cacert} -H Content-Type:application/json"
  }
  triggers_replace = ["${subject}", "${a.profile}"]

  provisioner "local-exec" {
    interpreter = ["bash", "-euo", "pipefail", "-c"]
    command     = <<-EOT
      name=\${self.input.name}
      [ -s $name.der ] || openssl req -new -newkey rsa:2048 -nodes -keyout $name.key -subj /CN=$name -outform DER -out $name.der
      jq -n --arg csr "$(openssl base64 -A -in $name.der)" '{profileId: "\${self.input.profile}", requiredFormat: {format: "PEM"},
        csr: $csr, subjectAltNames: [{type: "dNSName", value: "\${self.input.name}"}]}' > $name.json
      \${self.input.curl} \${self.input.ca}/enrollments -d @$name.json \\
        -H "Idempotency-Key: $(openssl dgst -sha256 -r $name.json | cut -c1-64)" | jq -er .enrollment.body > $name.pem
    EOT
  }
  provisioner "local-exec" {
    when        = destroy
    interpreter = ["bash", "-euo", "pipefail", "-c"]
    command     = <<-EOT
      name=\${self.input.name}
      serial=$(openssl x509 -in $name.pem -noout -serial | cut -d= -f2)
      \${self.input.curl} \${self.input.ca}/certificates/$serial/actions -d '{"action": {"type": "RevokeAction", "reason": "cessationOfOperation"}}'
      rm $name.key $name.der $name.json $name.pem
    EOT
  }
}`,
    },
    {
      value: "shell",
      label: "Shell utilities",
      note: "cagw-shell-util and bulk-revoke-shell of EntrustCorporation/pki-utilities. The first asks for all it needs: choose On-Premises, not PKIaaS, so that it asks for the URL.",
      text: `${a.root ? "export CURL_CA_BUNDLE=root_ca.crt\n" : ""}bash cagw-shell-util/main.sh
# Path to client credentials file (PKCS#12): ${a.file}
# Enter PKCS#12 file password: ${a.password}
# CAGW Type: 2
# Enter CA Gateway URL: ${gateway}

# Revoke every serial number in the second column of a CSV file
sed -e 's|^CAID=.*|CAID=${caId}|' -e 's|^P12=.*|P12=./${a.file}|' -e 's|^CAGW_URL=.*|CAGW_URL=${origin}|' bulk-revoke-shell/script.sh > revoke.sh
bash revoke.sh # reads ./certlist.csv`,
    },
  ];
}
