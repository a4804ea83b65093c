// The life of a CA as a person sees it: an external root imported, a CA below it signed by openssl, wrong certificates
// refused, renewal with a new key, disabling, and what breaks before a deletion.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { signIn, startBrowser, startDemo, violations } from "./demo.mjs";

let demo, browser, work;
before(async () => {
  work = mkdtempSync(join(tmpdir(), "pkiaas-life-"));
  demo = await startDemo();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
  if (work) rmSync(work, { recursive: true, force: true });
});

const openssl = (...args) => execFileSync("openssl", args, { cwd: work, stdio: ["ignore", "pipe", "ignore"], encoding: "utf8" });
async function accessible(page, what) {
  const found = await violations(page);
  assert.deepEqual(found, [], what);
  assert.ok(!(await page.evaluate("document.documentElement.scrollWidth > innerWidth")), `${what} scrolls sideways`);
}

test("a person leads a CA through its life", async () => {
  writeFileSync(join(work, "root.cnf"), "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n");
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Outer Root", "-days", "4000", "-config", "root.cnf");
  openssl("x509", "-in", "root.pem", "-outform", "DER", "-out", "root.der");
  writeFileSync(join(work, "ca.ext"), "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,digitalSignature,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n");
  writeFileSync(join(work, "leaf.ext"), "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n");
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (m) => m.type() === "error" && !/certificate|401/.test(m.text()) && problems.push(m.text()));
  await signIn(page, demo.manifest, demo.manifest.users.find((u) => u.email.startsWith("owner")));
  const open = (path) => page.goto(`${demo.manifest.consoleUrl}/p/${demo.manifest.partition.id}${path}`);

  await open("/cas?create=true");
  await page.getByLabel("External Root Authority", { exact: true }).check();
  await page.getByLabel("CA Identifier").fill("outer");
  await page.getByLabel("Friendly Name").fill("Outer Root");
  await page.locator("input[type=file]").setInputFiles(join(work, "root.der"));
  await page.getByRole("button", { name: "Import", exact: true, disabled: false }).waitFor();
  await page.getByRole("button", { name: "Import", exact: true }).hover();
  await accessible(page, "importing a root");
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.waitForURL("**/cas/outer");
  await page.getByText("Active", { exact: true }).first().waitFor();
  await accessible(page, "an external root");

  await open("/cas?create=true&parent=outer");
  await page.getByLabel("Subordinate Authority", { exact: true }).check();
  await page.getByLabel("CA Identifier").fill("signed-outside");
  await page.getByLabel("Friendly Name").fill("Signed outside");
  await page.getByLabel("Value of CN").fill("Signed outside");
  await page.getByText(/Its parent is external/).waitFor();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.waitForURL("**/cas/signed-outside");
  const waiting = page.getByRole("region", { name: "Waiting for its certificate" });
  await waiting.waitFor();
  await accessible(page, "a pending CA");
  const [file] = await Promise.all([page.waitForEvent("download"), waiting.getByRole("button", { name: "Download Certificate Request" }).click()]);
  await file.saveAs(join(work, "ca.csr"));
  for (const [ext, out] of [["leaf.ext", "wrong.pem"], ["ca.ext", "good.pem"]]) {
    openssl("x509", "-req", "-in", "ca.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2000", "-sha256", "-extfile", ext, "-out", out);
  }
  await waiting.getByRole("button", { name: "Import Issuing Certificate Authority" }).click();
  const dialog = page.getByRole("dialog");
  const bring = async (name) => {
    await dialog.getByLabel("Certificate", { exact: false }).first().fill(readFileSync(join(work, name), "utf8"));
    await dialog.getByRole("button", { name: "Import", exact: true }).click();
  };
  await bring("wrong.pem");
  await dialog.getByRole("alert").getByText(/not a CA certificate/).waitFor();
  await accessible(page, "a refused import");
  await bring("good.pem");
  await page.getByText("Active", { exact: true }).first().waitFor();
  await waiting.waitFor({ state: "detached" });

  // Renewal of one of ours, with a new key.
  await open("/cas/root-1");
  const act = async (name) => {
    await page.getByRole("button", { name: "Actions" }).click();
    await page.getByRole("menuitem", { name }).click();
  };
  await act("Renew Certificate Authority");
  await accessible(page, "the renewal");
  await dialog.getByRole("button", { name: "Renew" }).click();
  await page.getByRole("button", { name: /^Download New with old/ }).waitFor();
  await page.getByRole("button", { name: /^Download Old with new/ }).waitFor();
  await accessible(page, "keys and certificates");

  await act("Disable Certificate Authority");
  await dialog.getByRole("button", { name: "Disable" }).click();
  await page.getByText("Disabled", { exact: true }).first().waitFor();
  await act("Enable Certificate Authority");
  await dialog.getByRole("button", { name: "Enable" }).click();
  await dialog.waitFor({ state: "detached" });

  await act("Delete Certificate Authority");
  await dialog.getByText(/[1-9]\d* active certificates/).waitFor();
  await dialog.getByText("Demo Issuing RSA (issuing-rsa)").waitFor();
  await accessible(page, "what breaks");
  await page.setViewportSize({ width: 390, height: 844 });
  await accessible(page, "what breaks, on a phone");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.reload();
  await act("Delete Certificate Authority");
  await dialog.getByText("Demo Issuing RSA (issuing-rsa)").waitFor();
  await accessible(page, "what breaks, in the dark");
  assert.deepEqual(problems, []);
});
