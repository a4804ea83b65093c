// Certificate, CRL and OCSP answer of an ML-DSA hierarchy, verified by an implementation that is not the signing one:
// @noble/post-quantum. The structures are taken apart here, by hand, so that nothing of ours is believed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ml_dsa44, ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";
import { startDemo } from "./demo.mjs";

let demo;
before(async () => {
  demo = await startDemo();
});
after(() => demo?.stop());

/** One DER element: its tag, whole bytes, content, and what follows. */
function element(der) {
  let length = der[1];
  let header = 2;
  if (length & 0x80) {
    const n = length & 0x7f;
    length = der.subarray(2, 2 + n).reduce((v, b) => v * 256 + b, 0);
    header = 2 + n;
  }
  return { tag: der[0], whole: der.subarray(0, header + length), content: der.subarray(header, header + length), rest: der.subarray(header + length) };
}
function elements(content) {
  const list = [];
  while (content.length) {
    const e = element(content);
    list.push(e);
    content = e.rest;
  }
  return list;
}
/** SEQUENCE { tbs, algorithm, BIT STRING }: certificates, CRLs and BasicOCSPResponse alike. */
function signed(der) {
  const [tbs, algorithm, signature, ...more] = elements(element(der).content);
  return { tbs: tbs.whole, algorithm: Buffer.from(algorithm.content).toString("hex"), signature: signature.content.subarray(1), more };
}
function publicKey(certificate) {
  const parts = elements(element(signed(certificate).tbs).content);
  const spki = parts[6]; // [0] version, serial, algorithm, issuer, validity, subject, SPKI
  return elements(spki.content)[1].content.subarray(1);
}
const der = (pem) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
const oids = { "0609608648016503040311": ml_dsa44, "0609608648016503040312": ml_dsa65 };
function verify(what, signedDer, issuer) {
  const s = signed(signedDer);
  const scheme = oids[s.algorithm];
  assert.ok(scheme, `${what}: algorithm ${s.algorithm} with absent parameters (RFC 9881)`);
  assert.ok(scheme.verify(s.signature, s.tbs, publicKey(issuer)), `${what} verifies`);
  const broken = Uint8Array.from(s.tbs);
  broken[20] ^= 1;
  assert.ok(!scheme.verify(s.signature, broken, publicKey(issuer)), `${what}: an altered one does not`);
}

test("ML-DSA-65 root, ML-DSA-44 issuing CA: certificate, CRL and OCSP answer", async () => {
  const m = demo.manifest;
  const ca = (id) => m.cas.find((c) => c.id === id);
  const root = der(readFileSync(ca("root-pq").certificateFile, "utf8"));
  const issuing = der(readFileSync(ca("issuing-pq").certificateFile, "utf8"));
  verify("root certificate", root, root);
  verify("issuing CA certificate", issuing, root);
  const work = mkdtempSync(join(tmpdir(), "pkiaas-pq-"));
  execFileSync("openssl", ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k.pem", "-subj", "/CN=pq.example.com", "-addext", "subjectAltName=DNS:pq.example.com", "-out", "r.csr"], { cwd: work, stdio: "ignore" });
  writeFileSync(join(work, "root.pem"), readFileSync(m.tlsCaFile));
  const ask = (query, variables) => {
    const body = JSON.stringify({ query, variables });
    writeFileSync(join(work, "q.json"), body);
    const out = JSON.parse(execFileSync("curl", ["-sS", "--cacert", m.tlsCaFile, "-H", `Authorization: Bearer ${m.graphql.token}`, "-H", "Content-Type: application/json", "-d", `@${join(work, "q.json")}`, m.graphql.url], { encoding: "utf8" }));
    assert.equal(out.errors, undefined, JSON.stringify(out.errors));
    return out.data;
  };
  const id = ask(`query($p: ID!) { partition(id: $p) { certificationAuthority(identifier: "issuing-pq") { id } } }`, { p: m.partition.id }).partition.certificationAuthority.id;
  const issued = ask(`mutation($i: IssueCertificateInput!) { issueCertificate(input: $i) { ... on IssueCertificatePayload { certificate { id pem } } } }`, { i: { caId: id, profileId: "privatessl-tls-server", csr: readFileSync(join(work, "r.csr"), "utf8") } }).issueCertificate.certificate;
  verify("certificate", der(issued.pem), issuing);
  verify("CRL of the root", Buffer.from(await (await fetch(ca("root-pq").crlUrl)).arrayBuffer()), root);
  verify("CRL of the issuing CA", Buffer.from(await (await fetch(ca("issuing-pq").crlUrl)).arrayBuffer()), issuing);

  // OpenSSL 3.0 cannot verify ML-DSA, but makes the request.
  writeFileSync(join(work, "leaf.pem"), issued.pem);
  execFileSync("openssl", ["ocsp", "-issuer", ca("issuing-pq").certificateFile, "-cert", "leaf.pem", "-reqout", "r.der", "-no_nonce"], { cwd: work, stdio: "ignore" });
  const answer = Buffer.from(await (await fetch(ca("issuing-pq").ocspUrl, { method: "POST", body: readFileSync(join(work, "r.der")), headers: { "Content-Type": "application/ocsp-request" } })).arrayBuffer());
  const [status, bytes] = elements(element(answer).content);
  assert.equal(status.content[0], 0, "successful");
  const basic = elements(element(bytes.content).content)[1].content; // responseBytes: OID, OCTET STRING
  const signer = element(element(signed(basic).more[0].content).content).whole; // certs [0] SEQUENCE OF
  verify("delegated OCSP signer", signer, issuing);
  verify("OCSP answer", basic, signer);
});
