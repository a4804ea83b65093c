// OpenSSL: as library inside Node (3.0 here, 3.5 inside Node 26), and its command line for whole documents.
import { execFileSync } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Every part { spki, message, signature, hash, pss: salt length or nothing, context: ML-DSA's } must verify. */
export function verifyParts(parts) {
  return parts.every(({ spki, message, signature, hash, pss, context }) => {
    const key = { key: createPublicKey({ key: spki, format: "der", type: "spki" }) };
    if (pss) Object.assign(key, { padding: 6 /* RSA_PKCS1_PSS_PADDING */, saltLength: pss });
    if (context) key.context = context;
    return verify(hash, message, key, signature);
  });
}

// Run by a newer Node: the version first, then one answer for each line of parts (bytes in base64).
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(`${process.versions.openssl} (Node ${process.versions.node})`);
  const bytes = (name, value) => (["spki", "message", "signature", "context"].includes(name) ? Buffer.from(value, "base64") : value);
  for await (const line of createInterface({ input: process.stdin })) {
    let answer = false;
    try {
      answer = verifyParts(JSON.parse(line, bytes));
    } catch {} // what cannot be read is refused
    console.log(String(answer));
  }
}

export const commandVersion = () => execFileSync("openssl", ["version"], { encoding: "utf8" }).split(" ")[1];

/** The openssl command on a row's folder: problems for each document, none when it accepts all. */
export function command(folder) {
  const work = mkdtempSync(join(tmpdir(), "pkiaas-openssl-"));
  const pem = (name, type, from) => writeFileSync(join(work, name), `-----BEGIN ${type}-----\n${readFileSync(join(folder, from)).toString("base64").match(/.{1,64}/g).join("\n")}\n-----END ${type}-----\n`);
  const problems = { root: [], issuing: [], certificate: [], rootCrl: [], issuingCrl: [], ocsp: [] };
  /** Exit code 0 is not enough: `openssl crl` and `ocsp` leave with 0 after a failure too. */
  const expect = (document, pattern, args) => {
    let output;
    try {
      output = execFileSync("sh", ["-c", 'exec openssl "$@" 2>&1', "sh", ...args], { cwd: work, encoding: "utf8" });
    } catch (e) {
      output = `exit ${e.status}: ${e.stdout}`;
    }
    if (!pattern.test(output) || output.startsWith("exit ")) problems[document].push(`openssl ${args[0]}: ${output.trim().split("\n").slice(0, 3).join("; ")}`);
  };
  try {
    for (const name of ["root", "issuing", "certificate"]) pem(`${name}.pem`, "CERTIFICATE", `${name}.der`);
    for (const name of ["root", "issuing"]) pem(`${name}.crl`, "X509 CRL", `${name}.crl`);
    const strict = ["verify", "-x509_strict", "-check_ss_sig", "-CAfile", "root.pem"];
    expect("root", /^root\.pem: OK/m, [...strict, "root.pem"]);
    expect("issuing", /^issuing\.pem: OK/m, [...strict, "-crl_check_all", "-CRLfile", "root.crl", "issuing.pem"]);
    expect("certificate", /^certificate\.pem: OK/m, [...strict, "-untrusted", "issuing.pem", "-crl_check_all", "-CRLfile", "root.crl", "-CRLfile", "issuing.crl", "certificate.pem"]);
    expect("rootCrl", /^verify OK/m, ["crl", "-in", "root.crl", "-verify", "-CAfile", "root.pem", "-noout"]);
    expect("issuingCrl", /^verify OK/m, ["crl", "-in", "issuing.crl", "-verify", "-CAfile", "issuing.pem", "-noout"]);
    const answer = join(folder, "ocsp.der");
    expect("ocsp", /Response verify OK[^]*certificate\.pem: good/, ["ocsp", "-respin", answer, "-issuer", "issuing.pem", "-cert", "certificate.pem", "-CAfile", "root.pem", "-verify_other", "issuing.pem", "-no_nonce"]);
  } finally {
    rmSync(work, { recursive: true });
  }
  return problems;
}
