// A CAGW credential as people make it: created for an authority, downloaded once, opened by openssl with the password
// shown, let in by the CA Gateway; renewed, given other roles, deleted; and its reference in the browser.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { signIn, startBrowser, startDemo, violations } from "./demo.mjs";

let demo, browser, work;
before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
  work = mkdtempSync(join(tmpdir(), "pkiaas-cagw-"));
});
after(async () => {
  await browser?.close();
  await demo?.stop();
  rmSync(work, { recursive: true, force: true });
});

async function accessible(page, what) {
  // A colour on its way to another one is none that people read.
  await page.evaluate("Promise.allSettled(document.getAnimations().filter((a) => a.effect.getComputedTiming().endTime !== Infinity).map((a) => a.finished))");
  const found = await violations(page);
  assert.deepEqual(found, [], what);
  assert.ok(!(await page.evaluate("document.documentElement.scrollWidth > innerWidth")), `${what} scrolls sideways`);
}

async function openAs(start) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (m) => m.type() === "error" && !/certificate|401/.test(m.text()) && problems.push(m.text()));
  await signIn(page, demo.manifest, demo.manifest.users.find((u) => u.email.startsWith(start)));
  return { page, problems, open: (path) => page.goto(`${demo.manifest.consoleUrl}/p/${demo.manifest.partition.id}${path}`) };
}

/** Status and answer of the CA Gateway to who shows this file. */
function ask(file, password, path = "/certificate-authorities") {
  const out = execFileSync("curl", ["-sS", "--cacert", demo.manifest.tlsCaFile, "--cert-type", "P12", "--cert", `${join(work, file)}:${password}`, "-w", "\n%{http_code}", demo.manifest.cagw.url + path], { encoding: "utf8" });
  const [, body, status] = /^([^]*)\n(\d+)$/.exec(out);
  return { status: Number(status), answer: JSON.parse(body) };
}

/** Keeps what is shown once; returns the password. */
async function keep(page, file) {
  const [d] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download Credential" }).click()]);
  assert.equal(d.suggestedFilename(), "pkcs12-web-gateway.p12");
  await d.saveAs(join(work, file));
  await page.getByRole("button", { name: /^Copy [0-9a-f]{40}$/ }).click();
  return page.evaluate("navigator.clipboard.readText()");
}

test("a person makes a credential, and it opens the CA Gateway", async () => {
  const { page, problems, open } = await openAs("owner");
  const dialog = page.getByRole("dialog");
  const act = async (name) => {
    await page.getByRole("button", { name: "Actions of web-gateway" }).click();
    await page.getByRole("menuitem", { name, exact: true }).click();
    await page.getByRole("menu").waitFor({ state: "detached" });
  };
  await open("/users");
  await page.getByRole("tab", { name: "CAGW Credentials" }).click();
  await page.getByText("demo-gateway", { exact: true }).first().waitFor();
  await accessible(page, "the list");

  await page.getByRole("button", { name: "Create CAGW Credential" }).click();
  await dialog.getByLabel("Credential identifier").fill("demo-gateway");
  await dialog.getByText("This identifier is taken").waitFor();
  await dialog.getByLabel("Credential identifier").fill("web-gateway");
  await dialog.getByLabel("Friendly Name").fill("Web servers");
  await dialog.getByRole("combobox", { name: "Certificate Authorities" }).click();
  await page.getByRole("option", { name: /\(issuing-1\)$/ }).click();
  await dialog.getByRole("radio", { name: "cert-admins" }).waitFor({ state: "attached" });
  await accessible(page, "the create dialog");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();

  await page.getByText("web-gateway is ready").waitFor();
  assert.equal(new URL(page.url()).search, "?tab=cagw");
  await accessible(page, "what is shown once");
  const questions = [];
  page.on("dialog", (d) => (questions.push(d.message()), d.dismiss()));
  await page.getByRole("tab", { name: "API Tokens" }).click();
  await page.getByRole("button", { name: "Download Credential" }).waitFor();
  await page.getByRole("button", { name: "Done", exact: true }).click();
  assert.equal(questions.length, 2);
  for (const q of questions) assert.match(q, /^Are you sure you want to leave this page\?/);
  const password = await keep(page, "first.p12");
  assert.match(password, /^[0-9a-f]{40}$/);
  await page.getByText(`--cert "pkcs12-web-gateway.p12:$CAGW_PASSWORD"`).waitFor();
  await page.getByRole("button", { name: "Done", exact: true }).click();
  await page.getByRole("button", { name: "Actions of web-gateway" }).waitFor();
  assert.equal(questions.length, 2);
  assert.ok(!(await page.content()).includes(password), "the password is shown only once");

  const opened = execFileSync("openssl", ["pkcs12", "-in", join(work, "first.p12"), "-passin", `pass:${password}`, "-nokeys", "-info"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  assert.match(opened, /subject=.*CN ?= ?web-gateway/);
  assert.throws(() => execFileSync("openssl", ["pkcs12", "-in", join(work, "first.p12"), "-passin", "pass:wrong", "-nokeys"], { stdio: "ignore" }));
  const list = ask("first.p12", password);
  assert.equal(list.status, 200, JSON.stringify(list.answer));
  assert.deepEqual(list.answer.caList.map((c) => c.id), [`${demo.manifest.partition.id}~issuing-1`]);

  // The commands that the page gives do what they say.
  await page.getByRole("combobox", { name: "Credential", exact: true }).click();
  await page.getByRole("option", { name: "web-gateway" }).click();
  const commands = (await page.getByLabel("command", { exact: true }).textContent()).replace("='PASSWORD'", `='${password}'`).replaceAll("root_ca.crt", demo.manifest.tlsCaFile).replaceAll("pkcs12-web-gateway.p12", "first.p12");
  const said = execFileSync("bash", ["-euo", "pipefail", "-c", commands], { cwd: work, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  assert.match(said, /"COMPLETED"/);
  assert.match(execFileSync("openssl", ["x509", "-in", join(work, "certificate.pem"), "-noout", "-ext", "subjectAltName"], { encoding: "utf8" }), /DNS:www\.example\.com/);

  await page.reload();
  await page.getByText("from 127.0.0.1").first().waitFor();
  await act("Edit Roles");
  await dialog.getByText("auditors", { exact: true }).click();
  await accessible(page, "the roles");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("auditors on").waitFor();

  await act("Renew CAGW Credential");
  await accessible(page, "renewing");
  await dialog.getByRole("button", { name: "Renew", exact: true }).click();
  await page.getByText(/The previous file is good until/).waitFor();
  const second = await keep(page, "second.p12");
  await page.getByRole("button", { name: "Done", exact: true }).click();
  assert.equal(ask("first.p12", password).status, 200);
  assert.equal(ask("second.p12", second).status, 200);
  await act("Renew CAGW Credential");
  await dialog.getByText("Ends now").click();
  await dialog.getByRole("button", { name: "Renew", exact: true }).click();
  await page.getByText(/The previous file has ended/).waitFor();
  const third = await keep(page, "third.p12");
  await page.getByRole("button", { name: "Done", exact: true }).click();
  assert.equal(ask("second.p12", second).status, 401);
  assert.equal(ask("third.p12", third).status, 200);

  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.reload();
  await page.getByRole("button", { name: "Actions of web-gateway" }).waitFor();
  await accessible(page, "the list on a phone in the dark");
  await act("Delete");
  await dialog.getByLabel("Type web-gateway to confirm").fill("web-gateway");
  await accessible(page, "deleting");
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("button", { name: "Actions of web-gateway" }).waitFor({ state: "detached" });
  const refused = ask("third.p12", third);
  assert.deepEqual([refused.status, refused.answer.type], [401, "ErrorResponse"]);
  assert.deepEqual(problems, []);
});

test("the reference opens in a browser that has the file, and breaks no content rule", async () => {
  const { cagw, mtlsUrl } = demo.manifest;
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, clientCertificates: [{ origin: mtlsUrl, pfxPath: cagw.p12File, passphrase: cagw.p12Password }] });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (m) => m.type() === "error" && problems.push(m.text()));
  page.on("pageerror", (e) => problems.push(e.message));
  page.on("request", (r) => !r.url().startsWith(mtlsUrl) && !r.url().startsWith("data:") && problems.push(`asks ${r.url()}`));
  await page.addInitScript("addEventListener('securitypolicyviolation', (e) => console.error('CSP: ' + e.violatedDirective + ' ' + e.blockedURI))");
  for (const address of ["/cagw/swagger-ui", "/cagw/swagger-ui/"]) {
    await page.goto(mtlsUrl + address);
    await page.getByRole("heading", { name: /CA Gateway API/ }).waitFor();
    await page.locator("#operations-tag-Enrollment, .opblock").first().waitFor();
  }
  await page.locator(".opblock-summary-path", { hasText: /^\W*certificate-authorities$/ }).first().click();
  await page.getByRole("button", { name: "Try it out" }).click();
  await page.getByRole("button", { name: "Execute" }).click();
  await page.locator(".live-responses-table").getByText("200", { exact: true }).waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});

test("an auditor sees no credentials, and no way to make one", async () => {
  const { page, open, problems } = await openAs("ca-auditors");
  await open("/users?tab=cagw&create=true");
  await page.getByText("Your role does not allow this").waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.equal(await page.getByRole("button", { name: /Credential/ }).count(), 0);
  assert.deepEqual(problems, []);
});
