import type { ClientCommand } from "@/components/CommandTabs";

/** What a client must be told. */
export type Enrolment = {
  directoryUrl: string;
  identifier: string;
  kid: string;
  hmacKey: string;
  domain: string;
  email: string;
  /** PEM of the root of this server's own HTTPS certificate, null where everybody trusts it. */ root: string | null;
};

const bundle = "/tmp/root_ca.crt";
/** A name that Kubernetes takes (RFC 1123). */
const kubernetes = (s: string) => s.replaceAll("_", "-").replace(/^-+|-+$/g, "") || "acme";
const xml = (s: string) => s.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Commands and settings of the clients that people use, ready to be pasted. */
export function clientCommands(e: Enrolment): ClientCommand[] {
  const name = kubernetes(e.identifier);
  const env = (variable: string) => (e.root ? `${variable}=${bundle} ` : "");
  return [
    {
      value: "certbot",
      label: "Certbot",
      note: "Port 80 of the host must be free while it runs. It renews by itself; repeat -d for more names.",
      text: `sudo ${env("REQUESTS_CA_BUNDLE")}certbot certonly -d ${e.domain} --server ${e.directoryUrl} --standalone --no-eff-email --agree-tos -m ${e.email} --eab-kid ${e.kid} --eab-hmac-key ${e.hmacKey}`,
    },
    {
      value: "lego",
      label: "lego",
      note: "Renew with the same line and renew in place of run.",
      text: `sudo ${env("LEGO_CA_CERTIFICATES")}lego --server ${e.directoryUrl} --accept-tos --email ${e.email} --eab --kid ${e.kid} --hmac ${e.hmacKey} --domains ${e.domain} --http run`,
    },
    {
      value: "acmesh",
      label: "acme.sh",
      note: "The account is registered once for each host.",
      text: `acme.sh --register-account --server ${e.directoryUrl}${e.root ? ` --ca-bundle ${bundle}` : ""} --eab-kid ${e.kid} --eab-hmac-key ${e.hmacKey}\nacme.sh --issue --server ${e.directoryUrl}${e.root ? ` --ca-bundle ${bundle}` : ""} --standalone -d ${e.domain}`,
    },
    {
      value: "caddy",
      label: "Caddy",
      note: "Caddyfile. Caddy gets and renews the certificates of all sites in it.",
      text: `{\n\tacme_ca ${e.directoryUrl}\n${e.root ? `\tacme_ca_root ${bundle}\n` : ""}\temail ${e.email}\n\tacme_eab {\n\t\tkey_id ${e.kid}\n\t\tmac_key ${e.hmacKey}\n\t}\n}\n\n${e.domain} {\n\trespond "Hello"\n}`,
    },
    {
      value: "traefik",
      label: "Traefik",
      note: `Static configuration.${e.root ? ` Start Traefik with LEGO_CA_CERTIFICATES=${bundle} in its environment.` : ""}`,
      text: `certificatesResolvers:\n  ${name}:\n    acme:\n      caServer: ${e.directoryUrl}\n      email: ${e.email}\n      storage: /data/acme.json\n      eab:\n        kid: ${e.kid}\n        hmacEncoded: ${e.hmacKey}\n      httpChallenge:\n        entryPoint: web`,
    },
    {
      value: "certmanager",
      label: "cert-manager",
      note: "Apply with kubectl, then annotate an Ingress with cert-manager.io/cluster-issuer.",
      text: `apiVersion: v1\nkind: Secret\nmetadata:\n  name: ${name}-eab\n  namespace: cert-manager\nstringData:\n  secret: ${e.hmacKey}\n---\napiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata:\n  name: ${name}\nspec:\n  acme:\n    server: ${e.directoryUrl}\n    email: ${e.email}\n${e.root ? `    caBundle: ${btoa(e.root)}\n` : ""}    externalAccountBinding:\n      keyID: ${e.kid}\n      keySecretRef:\n        name: ${name}-eab\n        key: secret\n    privateKeySecretRef:\n      name: ${name}-account\n    solvers:\n      - http01:\n          ingress:\n            ingressClassName: nginx`,
    },
    {
      value: "apple",
      label: "Apple",
      note: "ACME payload of a configuration profile (.mobileconfig). It has no field for an EAB key: create a key for devices without binding, in the tab EAB Keys, that lists the serial numbers. The device asks for a certificate for its ClientIdentifier and proves that by device-attest-01: have the device management (MDM) put the serial number there, by its variable for that; %SerialNumber% is one.",
      text: `<dict>\n  <key>PayloadType</key><string>com.apple.security.acme</string>\n  <key>PayloadVersion</key><integer>1</integer>\n  <key>PayloadIdentifier</key><string>pkiaas.${xml(e.identifier)}</string>\n  <key>PayloadUUID</key><string>REPLACE-WITH-UUIDGEN</string>\n  <key>DirectoryURL</key><string>${xml(e.directoryUrl)}</string>\n  <key>ClientIdentifier</key><string>%SerialNumber%</string>\n  <key>KeyType</key><string>ECSECPrimeRandom</string>\n  <key>KeySize</key><integer>384</integer>\n  <key>HardwareBound</key><true/>\n  <key>Attest</key><true/>\n  <key>Subject</key>\n  <array><array><array><string>CN</string><string>${xml(e.domain)}</string></array></array></array>\n</dict>`,
    },
  ];
}
