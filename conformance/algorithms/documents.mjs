// Certificates, CRLs and OCSP answers taken apart, and what each must satisfy.
import { createHash } from "node:crypto";
import { element, elements, oid, sequence } from "./der.mjs";
import { table } from "./table.mjs";

/** SEQUENCE { tbs, AlgorithmIdentifier, BIT STRING, … }: all three kinds of document. */
export function signed(der) {
  const [tbs, algorithm, signature, ...more] = sequence(der);
  if (signature.tag !== 3 || signature.content[0] !== 0) throw new Error("signature is not a BIT STRING of whole bytes");
  return { tbs: tbs.whole, algorithm: algorithm.whole, signature: signature.content.subarray(1), more };
}

export function certificate(der) {
  const outer = signed(der);
  const fields = sequence(outer.tbs);
  if (fields[0].tag !== 0xa0) throw new Error("not a version 3 certificate");
  const [, serial, inner, issuer, , subject, spki] = fields;
  const [keyAlgorithm, key] = elements(spki.content);
  return { ...outer, inner: inner.whole, serial: serial.content, issuer: issuer.whole, subject: subject.whole, spki: spki.whole, keyAlgorithm: keyAlgorithm.whole, key: key.content.subarray(1) };
}

export function crl(der) {
  const outer = signed(der);
  const [version, inner, issuer] = sequence(outer.tbs);
  if (version.tag !== 2 || outer.more.length) throw new Error("not a version 2 CRL");
  return { ...outer, inner: inner.whole, issuer: issuer.whole };
}

export function ocspAnswer(der) {
  const [status, bytes] = sequence(der);
  if (status.content[0] !== 0) throw new Error(`OCSP responseStatus ${status.content[0]}`);
  const [type, octets] = sequence(bytes.content);
  if (!type.whole.equals(oid("1.3.6.1.5.5.7.48.1.1"))) throw new Error("not id-pkix-ocsp-basic");
  const basic = signed(octets.content);
  const certificates = basic.more.length ? sequence(basic.more[0].content).map((c) => certificate(c.whole)) : [];
  const [responder, , responses] = sequence(basic.tbs).filter((e) => e.tag !== 0xa0); // [0] version, when present
  return { ...basic, certificates, responder, responses: elements(responses.content).map((r) => elements(r.content)) };
}

const hash = (name, bytes) => createHash(name).update(bytes).digest();
const hashNames = new Map(Object.entries({ sha1: "1.3.14.3.2.26", sha256: "2.16.840.1.101.3.4.2.1", sha384: "2.16.840.1.101.3.4.2.2", sha512: "2.16.840.1.101.3.4.2.3" }).map(([name, dotted]) => [oid(dotted).toString("hex"), name]));

/** What is wrong with a key of this row: its AlgorithmIdentifier, its size. */
export function keyProblems(row, { keyAlgorithm, key }) {
  const problems = [];
  if (!keyAlgorithm.equals(row.key)) problems.push(`key algorithm ${keyAlgorithm.toString("hex")}, expected ${row.key.toString("hex")}`);
  if (row.keyBytes && key.length !== row.keyBytes) problems.push(`key of ${key.length} bytes, expected ${row.keyBytes}`);
  if (row.modulus) {
    const rsa = row.first ? key.subarray(row.first.keyBytes) : key;
    const modulus = sequence(rsa)[0].content;
    if (modulus.length - 1 !== row.modulus / 8 || modulus[0] !== 0) problems.push(`modulus is not of ${row.modulus} bits`);
  }
  return problems;
}

export function algorithmProblems(row, { algorithm, inner }) {
  const problems = [];
  if (!algorithm.equals(row.algorithm)) problems.push(`signature algorithm ${algorithm.toString("hex")}, expected ${row.algorithm.toString("hex")}`);
  if (inner && !inner.equals(algorithm)) problems.push("inner and outer AlgorithmIdentifier differ");
  return problems;
}

/** The one signer among answer's certificates and the issuing CA that the responder ID names, and its row. */
export function ocspSigner(row, answer, issuing) {
  const id = element(answer.responder.content);
  const named = (c) => (answer.responder.tag === 0xa1 ? c.subject.equals(id.whole) : hash("sha1", c.key).equals(id.content));
  const signer = [...answer.certificates, issuing].find(named);
  if (!signer) throw new Error("no certificate of the responder");
  const fits = (r) => r.algorithm.equals(answer.algorithm) && r.key.equals(signer.keyAlgorithm) && !keyProblems(r, signer).length;
  const signerRow = fits(row) ? row : [...table.values()].find(fits); // a fast variant may answer for a slow CA
  if (!signerRow) throw new Error(`the answer's algorithm ${answer.algorithm.toString("hex")} does not belong to its signer's key`);
  return { signer, signerRow, delegated: signer !== issuing };
}

/** The answer's content: one response, about this certificate of this issuer, good. */
export function ocspProblems(answer, cert, issuing) {
  if (answer.responses.length !== 1) return [`${answer.responses.length} responses`];
  const [certId, status] = answer.responses[0];
  const [algorithm, nameHash, keyHash, serial] = elements(certId.content);
  const name = hashNames.get(elements(algorithm.content)[0].whole.toString("hex"));
  if (!name) return ["unknown hash in CertID"];
  const problems = [];
  if (!serial.content.equals(cert.serial)) problems.push("CertID: other serial number");
  if (!nameHash.content.equals(hash(name, issuing.subject))) problems.push("CertID: other issuerNameHash");
  if (!keyHash.content.equals(hash(name, issuing.key))) problems.push("CertID: other issuerKeyHash");
  if (status.tag !== 0x80 || status.content.length) problems.push(`status is [${status.tag & 31}], not good`);
  return problems;
}

/** Delegated signers must say so (RFC 6960, 4.2.2.2). */
export const mayAnswer = (signer) => signer.tbs.includes(oid("1.3.6.1.5.5.7.3.9"));
