// The main job as a person does it: sign in with TOTP, create a root and an issuing CA, paste a CSR that openssl made,
// download the certificate, check it, revoke it, and see CRL and OCSP follow.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { mailTo, patience, signIn, startBrowser, startDemo, totp, violations } from "./demo.mjs";

let demo, browser, page, work;

before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
  work = mkdtempSync(join(tmpdir(), "pkiaas-main-"));
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  await signIn(page, demo.manifest, demo.manifest.users[0]);
});
after(async () => {
  await browser?.close();
  assert.equal(await demo?.stop(), 0, "the server ends cleanly");
});

const openssl = (...args) => execFileSync("openssl", args, { cwd: work, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const at = (path) => `${demo.manifest.consoleUrl}/p/${demo.manifest.partition.id}${path}`;
async function eventually(what, check) {
  const end = Date.now() + patience;
  for (let last; ; ) {
    try {
      return await check();
    } catch (e) {
      last = e;
    }
    if (Date.now() > end) throw new Error(`${what}: ${last.message}`);
    await new Promise((r) => setTimeout(r, 300));
  }
}

async function createCa({ type, id, name, algorithm, parent, cn }) {
  await page.goto(at("/cas?create=true"));
  await page.getByLabel(type, { exact: true }).check();
  await page.getByLabel("CA Identifier").fill(id);
  await page.getByLabel("Friendly Name").fill(name);
  if (parent) {
    await page.getByRole("combobox", { name: "Parent Authority Identifier" }).click();
    await page.getByRole("option", { name: parent }).click();
  }
  await page.getByRole("combobox", { name: "Signing Key Details" }).click();
  await page.getByRole("option", { name: algorithm }).click();
  await page.getByLabel("Value of CN").fill(cn);
  if (parent) await page.getByRole("button", { name: "All", exact: true }).click();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.waitForURL(`**/cas/${id}`);
  await page.getByText("Active", { exact: true }).first().waitFor();
}
async function saveDownload(click, file) {
  const [d] = await Promise.all([page.waitForEvent("download"), click()]);
  await d.saveAs(join(work, file));
}
async function downloadCa(id) {
  await page.goto(at(`/cas/${id}`));
  await page.getByRole("button", { name: "Actions" }).click();
  await saveDownload(() => page.getByRole("menuitem", { name: "Download Certificate" }).click(), `${id}.pem`);
}

test("root, issuing CA, certificate, revocation: openssl and a browser agree", async () => {
  await createCa({ type: "Root Authority", id: "house-root", name: "House Root", algorithm: "ECDSAP384+SHA384", cn: "House Root CA" });
  await createCa({ type: "Subordinate Authority", id: "house-issuing", name: "House Issuing", algorithm: "ECDSAP256+SHA256", parent: /house-root/, cn: "House Issuing CA" });
  await downloadCa("house-root");
  await downloadCa("house-issuing");

  openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-subj", "/CN=localhost/O=House", "-addext", "subjectAltName=DNS:localhost", "-out", "request.csr");
  await page.goto(at("/cas/house-issuing?issue=true"));
  await page.getByRole("combobox", { name: "Certificate profile" }).click();
  await page.getByRole("option", { name: /privatessl-tls-server$/ }).click();
  await page.getByLabel("Certificate Signing Request").fill(readFileSync(join(work, "request.csr"), "utf8"));
  await page.getByText("Signature verified").waitFor();
  await page.getByRole("button", { name: "Issue", exact: true }).click();
  await page.getByText("is issued and recorded").waitFor();
  await saveDownload(() => page.getByRole("button", { name: "Download Certificate", exact: true }).click(), "leaf.pem");

  assert.match(openssl("verify", "-CAfile", "house-root.pem", "-untrusted", "house-issuing.pem", "-purpose", "sslserver", "-x509_strict", "leaf.pem"), /leaf\.pem: OK/);

  // A TLS server with it is accepted by curl and by Chromium that trusts the root.
  const server = createServer({ key: readFileSync(join(work, "key.pem")), cert: readFileSync(join(work, "leaf.pem"), "utf8") + readFileSync(join(work, "house-issuing.pem"), "utf8") }, (_, res) => res.end("hello from the house"));
  await new Promise((r) => server.listen(0, "127.0.0.1", r));
  const url = `https://localhost:${server.address().port}/`;
  const curl = await new Promise((resolve) => {
    import("node:child_process").then(({ execFile }) => execFile("curl", ["-sS", "--cacert", join(work, "house-root.pem"), url], (error, out) => resolve(error ?? out)));
  });
  assert.equal(curl, "hello from the house");
  // Chromium on Linux takes roots from the NSS database of the user.
  const home = mkdtempSync(join(tmpdir(), "pkiaas-nss-"));
  const nss = `sql:${home}/.pki/nssdb`;
  execFileSync("mkdir", ["-p", `${home}/.pki/nssdb`]);
  execFileSync("certutil", ["-N", "-d", nss, "--empty-password"]);
  execFileSync("certutil", ["-A", "-d", nss, "-n", "house", "-t", "C,,", "-i", join(work, "house-root.pem")]);
  const { chromium } = await import("playwright-core");
  const trusting = await chromium.launchPersistentContext(join(home, "profile"), { executablePath: "/usr/bin/chromium", env: { ...process.env, HOME: home }, args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
  const visitor = await trusting.newPage();
  await visitor.goto(url);
  assert.match(await visitor.textContent("body"), /hello from the house/);
  await trusting.close();
  server.close();

  await page.getByRole("button", { name: "View Certificate" }).or(page.getByRole("link", { name: "View Certificate" })).click();
  await page.getByRole("button", { name: "Revoke Certificate" }).click();
  await page.getByLabel("Key Compromise", { exact: true }).check();
  await page.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("Revoked", { exact: true }).first().waitFor();

  const ocsp = openssl("x509", "-in", "leaf.pem", "-noout", "-ocsp_uri").trim();
  await eventually("openssl ocsp says revoked", () => {
    assert.match(openssl("ocsp", "-issuer", "house-issuing.pem", "-cert", "leaf.pem", "-url", ocsp, "-CAfile", "house-root.pem"), /leaf\.pem: revoked/);
  });
  await eventually("openssl verify -crl_check_all refuses it", async () => {
    let crls = "";
    for (const id of ["house-root", "house-issuing"]) {
      const der = Buffer.from(await (await fetch(`${demo.manifest.publicUrl}/crl/${demo.manifest.partition.id}/${id}/crl.crl`)).arrayBuffer());
      writeFileSync(join(work, "list.der"), der);
      crls += openssl("crl", "-inform", "DER", "-in", "list.der");
    }
    writeFileSync(join(work, "crls.pem"), crls);
    const r = spawnSync("openssl", ["verify", "-CAfile", "house-root.pem", "-untrusted", "house-issuing.pem", "-CRLfile", "crls.pem", "-crl_check_all", "leaf.pem"], { cwd: work, encoding: "utf8" });
    assert.match(r.stdout + r.stderr, /certificate revoked/);
  });
});

test("every screen is accessible, fits a phone and breaks no content rule", async () => {
  const problems = [];
  const p = demo.manifest.partition.id;
  const some = await page.evaluate(async (id) => {
    const query = `{ partition(id: "${id}") { certificates(first: 1) { nodes { id } } protocolConfigurations(first: 1) { nodes { identifier } } } }`;
    const r = await fetch("/graphql", { method: "POST", headers: { "Content-Type": "application/json", "X-Requested-With": "pkiaas" }, body: JSON.stringify({ query }) });
    return (await r.json()).data.partition;
  }, p);
  const protocol = `/protocols/${some.protocolConfigurations.nodes[0].identifier}`;
  const screens = [
    `/p/${p}`,
    ...[
      ...["", "?view=list", "?create=true", "/issuing-1", "/issuing-1?tab=certificates", "/issuing-1?tab=profiles", "/issuing-1?tab=profiles&select=true", "/issuing-1?tab=status", "/root-1"].map((s) => `/cas${s}`),
      "/certificates", "/certificates?issue=true", `/certificates/${some.certificates.nodes[0].id}`, "/profiles", "/profiles?id=privatessl-tls-server",
      "/protocols", "/protocols?create=true", ...["", "?tab=eab-keys", "?tab=orders", "?tab=settings"].map((s) => protocol + s),
      "/campaigns", "/campaigns?create=true", "/users", "/users?tab=roles", "/users?tab=tokens", "/users?tab=cagw", "/users?tab=cagw&create=true", "/events", "/end-entities", "/bulk", "/bulk?make=revoke", "/bulk?make=issue", "/reports", "/approvals", "/approvals?view=rules", "/notifications",
    ].map((s) => `/p/${p}${s}`),
    "/profile", "/supervisor/subscriptions", "/supervisor/partitions",
  ];
  const state = await page.context().storageState();
  const narrow = screens.filter((s) => !/\/(cas|protocols)\/.*\?tab=/.test(s)); // tabs hold what other screens hold too
  for (const [width, height, colorScheme, paths] of [[1440, 900, "dark", screens], [390, 844, "light", narrow]]) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width, height }, colorScheme, storageState: state, reducedMotion: "reduce" });
    const tab = await context.newPage();
    tab.on("console", (m) => m.type() === "error" && problems.push(`${tab.url()}: ${m.text()}`));
    tab.on("pageerror", (e) => problems.push(`${tab.url()}: ${e.message}`));
    for (const path of paths) {
      await tab.goto(demo.manifest.consoleUrl + path);
      await tab.locator("h1").first().waitFor();
      await tab.waitForFunction(() => !document.querySelector('[aria-label="Loading"]'));
      const found = await violations(tab);
      problems.push(...found.map((f) => `${path} ${width} ${colorScheme}: ${f}`));
      if (await tab.evaluate("document.documentElement.scrollWidth > innerWidth")) problems.push(`${path} scrolls sideways at ${width}`);
    }
    await context.close();
  }
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 390, height: 844 }, reducedMotion: "reduce" });
  const operator = await context.newPage();
  await signIn(operator, demo.manifest, demo.manifest.operator);
  for (const path of ["/supervisor/subscriptions", "/supervisor/accounts", "/supervisor/jobs"]) {
    await operator.goto(demo.manifest.consoleUrl + path);
    await operator.locator("h1").first().waitFor();
    await operator.waitForFunction(() => !document.querySelector('[aria-label="Loading"]'));
    problems.push(...(await violations(operator)).map((f) => `${path} for the operator: ${f}`));
  }
  await context.close();
  assert.deepEqual(problems, []);
});

test("the first load is small, and everything comes from the server itself", async () => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, storageState: await page.context().storageState() });
  const tab = await context.newPage();
  const client = await context.newCDPSession(tab);
  await client.send("Network.enable");
  let bytes = 0;
  const foreign = [];
  client.on("Network.loadingFinished", (e) => (bytes += e.encodedDataLength));
  tab.on("request", (r) => !r.url().startsWith(demo.manifest.consoleUrl) && !r.url().startsWith("data:") && foreign.push(r.url()));
  await tab.goto(at(""));
  await tab.getByText("Next steps").waitFor();
  await tab.getByText("What expires next").waitFor();
  assert.deepEqual(foreign, []);
  assert.ok(bytes > 50_000 && bytes < 300_000, `${bytes} bytes over the wire until Home can be used`);
  console.log(`first load of Home: ${bytes} bytes`);
  await context.close();
});

test("an invitation is followed, a second factor enrolled, a passkey added and used", async () => {
  const owner = page;
  await owner.goto(at("/users"));
  await owner.getByRole("button", { name: "Invite User" }).click();
  const email = "nora@demo.pkiaas.example";
  await owner.getByLabel("Email").fill(email);
  await owner.getByLabel("First Name").fill("Nora");
  await owner.getByLabel("Last Name").fill("Newcomer");
  await owner.getByRole("button", { name: "Invite", exact: true }).click();
  await owner.getByText("is invited").waitFor();
  const operators = await browser.newContext({ ignoreHTTPSErrors: true });
  const operator = await operators.newPage();
  await signIn(operator, demo.manifest, demo.manifest.operator);
  const mail = await mailTo(operator, email, "/invitation#");
  await operators.close();
  const token = /invitation#(\S+)/.exec(mail)[1];

  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const tab = await context.newPage();
  const cdp = await context.newCDPSession(tab);
  await cdp.send("WebAuthn.enable");
  await cdp.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true } });
  await tab.goto(`${demo.manifest.consoleUrl}/invitation#${token}`);
  const password = "several plain words 42";
  await tab.locator("input[autocomplete=new-password]").fill("nora@demo");
  await tab.locator("input[autocomplete=new-password]").fill(password);
  await tab.getByRole("button", { name: "Continue" }).click();
  await tab.getByAltText("QR code for the authenticator app").waitFor();
  const secret = (await tab.getByText(/^[A-Z2-7]{32}$/).textContent()).trim();
  await tab.getByLabel("Digit 1").click();
  await tab.keyboard.type(totp(secret));
  await tab.getByText("Keep these recovery codes").waitFor();
  const code = (await tab.getByRole("listitem").first().textContent()).trim();
  await tab.getByRole("button", { name: "I have kept them" }).click();
  await tab.getByRole("button", { name: "Your account" }).waitFor();

  await tab.goto(`${demo.manifest.consoleUrl}/profile`);
  await tab.getByLabel("New passkey").fill("Test authenticator");
  await tab.getByRole("button", { name: "Add" }).click();
  await tab.getByText("Test authenticator").waitFor();

  const again = async () => {
    await tab.getByRole("button", { name: "Your account" }).click();
    await tab.getByRole("menuitem", { name: "Sign out" }).click();
    await tab.getByLabel("E-mail").fill(email);
    await tab.locator("input[name=password]").fill(password);
    await tab.getByRole("button", { name: "Continue" }).click();
  };
  await again();
  await tab.getByRole("button", { name: "Use a passkey", exact: true }).click();
  await tab.getByRole("button", { name: "Your account" }).waitFor();
  await again();
  await tab.getByRole("button", { name: "Use a recovery code" }).click();
  await tab.getByLabel("Recovery code").fill(code);
  await tab.getByRole("button", { name: "Sign in" }).click();
  await tab.getByRole("button", { name: "Your account" }).waitFor();
  await again();
  await tab.getByRole("button", { name: "Use a recovery code" }).click();
  await tab.getByLabel("Recovery code").fill(code);
  await tab.getByRole("button", { name: "Sign in" }).click();
  await tab.getByText("The second factor is wrong").waitFor();
  await context.close();
});
