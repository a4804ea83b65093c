// Certificates, CRLs and OCSP answers of every algorithm, verified by implementations that are not the signing one.
//   node conformance/algorithms/verify.mjs DIR [--json FILE]
// DIR/labels.json: the labels that must be there; DIR/<label, other characters than A-Za-z0-9 as _>/: label.txt,
// root.der, issuing.der, certificate.der, root.crl, issuing.crl, ocsp.der. A label "A over B" is a root of A above an
// issuing CA of B. Exit code 1 when anything fails.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { algorithmProblems, certificate, crl, keyProblems, mayAnswer, ocspAnswer, ocspProblems, ocspSigner } from "./documents.mjs";
import { command, commandVersion } from "./openssl.mjs";
import { oracles } from "./oracles.mjs";
import { table } from "./table.mjs";

const documents = { root: "root", issuing: "issuing CA", certificate: "certificate", rootCrl: "CRL of the root", issuingCrl: "CRL of the issuing CA", ocsp: "OCSP answer" };

const flipped = (bytes, at) => {
  const copy = Buffer.from(bytes);
  copy[at] ^= 1;
  return copy;
};

/** Every oracle must accept the signature and refuse it with one bit of the tbs or of the signature turned. */
async function signatureProblems(list, row, { tbs, signature }, signer) {
  if (!list.length) return ["no oracle installed"];
  const altered = [
    ["an altered tbs", flipped(tbs, tbs.length >> 1), signature],
    // The middle and the end: in a composite these are its two halves.
    ["an altered signature", tbs, flipped(signature, signature.length >> 1)],
    ["an altered end of the signature", tbs, flipped(signature, signature.length - 1)],
  ];
  const problems = [];
  for (const oracle of list) {
    const asked = async (message, sig) => oracle.verify(row, signer.spki, signer.key, message, sig);
    const accepted = await asked(tbs, signature).catch((e) => e.message);
    if (accepted !== true) problems.push(`${oracle.name} refuses${accepted ? `: ${accepted}` : ""}`);
    for (const [what, message, sig] of altered) if (await asked(message, sig).catch(() => false)) problems.push(`${oracle.name} accepts ${what}`);
  }
  return problems;
}

/** One label's folder: problems for each document, and who was asked. */
async function verifyRow(label, folder, available) {
  const problems = Object.fromEntries(Object.keys(documents).map((name) => [name, []]));
  const result = { label, problems, verifiedBy: [], ocspSignedBy: undefined };
  const everywhere = (why) => Object.values(problems).forEach((list) => list.push(why));
  // "A over B": a root of A that certified an issuing CA of B.
  const [rootRow, row = rootRow] = label.split(" over ").map((l) => table.get(l));
  if (!row || !rootRow || label.split(" over ").length > 2) return everywhere("label unknown to the verifier"), result;
  if (!existsSync(folder)) return everywhere("missing"), result;
  if (readFileSync(join(folder, "label.txt"), "utf8").trim() !== label) everywhere("label.txt names another label");

  const names = new Set();
  const check = async (document, doc, signer, itsRow = row) => {
    const list = available.of(itsRow);
    list.forEach((o) => names.add(o.name));
    problems[document].push(...algorithmProblems(itsRow, doc), ...keyProblems(itsRow, signer), ...(await signatureProblems(list, itsRow, doc, signer)));
    if (doc.issuer && !doc.issuer.equals(signer.subject)) problems[document].push("issuer's name is not the signer's");
  };
  /** A file that cannot be read fails its own cell, not the run. */
  const guarded = async (document, fn) => {
    try {
      return await fn();
    } catch (e) {
      problems[document].push(e.message);
    }
  };
  const read = (name, parse) => parse(readFileSync(join(folder, name)));

  const root = await guarded("root", () => read("root.der", certificate));
  const issuing = await guarded("issuing", () => read("issuing.der", certificate));
  const cert = await guarded("certificate", () => read("certificate.der", certificate));
  if (!root || !issuing || !cert) return everywhere("a certificate is missing"), result;
  await guarded("root", () => check("root", root, root, rootRow));
  await guarded("issuing", () => check("issuing", issuing, root, rootRow));
  await guarded("certificate", () => check("certificate", cert, issuing));
  await guarded("rootCrl", async () => check("rootCrl", read("root.crl", crl), root, rootRow));
  await guarded("issuingCrl", async () => check("issuingCrl", read("issuing.crl", crl), issuing));
  await guarded("ocsp", async () => {
    const answer = read("ocsp.der", ocspAnswer);
    const { signer, signerRow, delegated } = ocspSigner(row, answer, issuing);
    if (signerRow !== row) result.ocspSignedBy = signerRow.label;
    if (delegated) {
      await check("ocsp", signer, issuing);
      if (!mayAnswer(signer)) problems.ocsp.push("the signer's certificate lacks id-kp-OCSPSigning");
    }
    await check("ocsp", answer, signer, signerRow);
    problems.ocsp.push(...ocspProblems(answer, cert, issuing));
  });
  if (row.family === "classical" && rootRow.family === "classical") {
    names.add(`openssl ${commandVersion()} (verify -x509_strict, crl, ocsp)`);
    for (const [document, list] of Object.entries(command(resolve(folder)))) problems[document].push(...list);
  }
  result.verifiedBy = [...names];
  return result;
}

function markdown(results) {
  const cell = (...lists) => (lists.flat().length ? `✗ ${lists.flat().join("; ").replaceAll("|", "\\|")}` : "✓");
  const line = (r) => {
    const { root, issuing, certificate: cert, rootCrl, issuingCrl, ocsp } = r.problems;
    const by = r.ocspSignedBy ? ` (by ${r.ocspSignedBy})` : "";
    return `| ${r.label} | ${cell(root)} | ${cell(issuing)} | ${cell(cert)} | ${cell(rootCrl, issuingCrl)} | ${cell(ocsp)}${by} | ${r.verifiedBy.join("; ")} |`;
  };
  return ["| label | root | issuing CA | certificate | CRL | OCSP answer | verified by |", "| --- | --- | --- | --- | --- | --- | --- |", ...results.map(line)].join("\n");
}

const [dir, flag, file] = process.argv.slice(2);
if (!dir || (flag && (flag !== "--json" || !file))) {
  console.error("usage: node conformance/algorithms/verify.mjs DIR [--json FILE]");
  process.exit(2);
}
const labels = JSON.parse(readFileSync(join(dir, "labels.json")));
const available = await oracles();
const results = [];
for (const label of labels) results.push(await verifyRow(label, join(dir, label.replace(/[^A-Za-z0-9]/g, "_")), available));
available.stop();

const failed = results.filter((r) => Object.values(r.problems).flat().length);
console.log(markdown(results));
console.log(`\n${results.length - failed.length} of ${labels.length} labels verified.`);
if (file) writeFileSync(file, `${JSON.stringify({ ok: !failed.length && labels.length > 0, results }, null, 2)}\n`);
process.exitCode = failed.length || !labels.length ? 1 : 0;
