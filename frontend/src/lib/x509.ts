// Requests read and made in the browser: loaded only on the screen that needs it.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

export type Preview = { subject: string; key: string; names: string[]; verified: boolean };

/** What a certificate signing request (PEM or base64) says, and whether its signature proves possession of the key. */
export async function previewRequest(pem: string): Promise<Preview> {
  const csr = new x509.Pkcs10CertificateRequest(pem);
  const verified = await csr.verify().catch(() => false);
  const a = csr.publicKey.algorithm as { name: string; namedCurve?: string; modulusLength?: number };
  const san = csr.extensions.find((e) => e.type === "2.5.29.17");
  const names = san
    ? new x509.SubjectAlternativeNameExtension(san.rawData).names.items.map(
        (n) => `${n.type.toUpperCase()}: ${n.value}`,
      )
    : [];
  return {
    subject: csr.subject,
    key: a.namedCurve ? `${a.name} ${a.namedCurve}` : a.modulusLength ? `RSA ${a.modulusLength}` : a.name,
    names,
    verified,
  };
}

export const browserKeys = ["ECDSA P-256", "ECDSA P-384", "RSA 2048", "RSA 3072"] as const;
export type BrowserKey = (typeof browserKeys)[number];

/** Makes a key here and a request for it. The key goes to nobody but the caller. */
export async function makeRequest(type: BrowserKey, subject: string, dnsNames: string[]) {
  const algorithm = type.startsWith("ECDSA")
    ? { name: "ECDSA", namedCurve: type.slice(6), hash: type === "ECDSA P-384" ? "SHA-384" : "SHA-256" }
    : {
        name: "RSASSA-PKCS1-v1_5",
        hash: "SHA-256",
        publicExponent: new Uint8Array([1, 0, 1]),
        modulusLength: Number(type.slice(4)),
      };
  const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
    extensions: dnsNames.length
      ? [new x509.SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: "dns" as const, value })))]
      : [],
  });
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { csr: csr.toString("pem"), key: x509.PemConverter.encode(pkcs8, "PRIVATE KEY") };
}
