// Approvals as people see them: a rule, a request that waits, no approval of one's own, another person's yes, and the
// certificate whose story tells of it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { mailTo, signIn, startBrowser, startDemo, violations } from "./demo.mjs";

const profile = "privatessl-tls-client-server";
let demo, browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function visit(role, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  await signIn(page, demo.manifest, demo.manifest.users.find((u) => u.email.startsWith(role)));
  return { page, open: (path) => page.goto(`${demo.manifest.consoleUrl}/p/${demo.manifest.partition.id}${path}`) };
}
async function accessible(page, name) {
  await page.mouse.move(0, 0); // what is pointed at has colours of its own
  if (process.env.PKIAAS_SHOTS) await page.screenshot({ path: `${process.env.PKIAAS_SHOTS}/${name}.png`, fullPage: true });
  const found = await violations(page);
  assert.deepEqual(found, [], name);
  assert.ok(await page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), `${name} scrolls sideways`);
}

test("what needs approval waits for another person", async () => {
  const owner = await visit("owner");
  await owner.open("/approvals");
  await owner.page.getByText("Nothing waits").waitFor();
  await accessible(owner.page, "approvals-empty");
  await owner.page.getByRole("link", { name: "Say what needs approval" }).click();
  await owner.page.getByRole("switch", { name: /^Issue certificates/ }).check({ force: true });
  const profiles = owner.page.getByRole("combobox", { name: "Under these profiles" });
  await profiles.fill(profile);
  await owner.page.getByRole("option", { name: new RegExp(`\\(${profile}\\)`) }).click();
  await owner.page.keyboard.press("Escape");
  await accessible(owner.page, "approvals-rules");
  await owner.page.getByRole("button", { name: "Save" }).click();
  await owner.page.getByText("Saved.").waitFor();

  const issuer = await visit("certificate-administrators");
  await issuer.open("/cas/issuing-1?issue=true");
  await issuer.page.getByRole("combobox", { name: "Certificate profile" }).fill(profile);
  await issuer.page.getByRole("option", { name: new RegExp(`${profile}$`) }).click();
  const csr = execFileSync("openssl", ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=approved.example.com", "-addext", "subjectAltName=DNS:approved.example.com"], { stdio: ["ignore", "pipe", "ignore"] });
  await issuer.page.getByLabel("Certificate Signing Request").fill(csr.toString());
  await issuer.page.getByText("Signature verified").waitFor();
  await issuer.page.getByRole("button", { name: "Issue", exact: true }).click();
  await issuer.page.getByText("Sent for approval").waitFor();
  await accessible(issuer.page, "approvals-sent");
  await issuer.page.getByRole("link", { name: "See the request" }).click();
  await issuer.page.getByText(/your own request/).waitFor();
  assert.equal(await issuer.page.getByRole("button", { name: "Approve" }).count(), 0, "nobody approves their own");
  const id = issuer.page.url().split("/").pop();
  const refused = await issuer.page.evaluate(async (id) => {
    const r = await fetch("/graphql", { method: "POST", headers: { "Content-Type": "application/json", "X-Requested-With": "pkiaas" }, body: JSON.stringify({ query: "mutation($i: ApproveInput!) { approve(input: $i) { approval { state } } }", variables: { i: { id } } }) });
    return (await r.json()).errors[0].extensions.code;
  }, id);
  assert.equal(refused, "POLICY_REFUSED");

  await owner.open("/");
  await owner.page.getByText("1 request waits for your approval").waitFor();
  await accessible(owner.page, "approvals-home");
  const operator = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  await signIn(operator, demo.manifest, demo.manifest.operator);
  await mailTo(operator, "owner@demo.pkiaas.example", "approval needed to issue a certificate to CN=approved.example.com");
  await owner.page.setViewportSize({ width: 390, height: 844 });
  await owner.open("/approvals");
  await accessible(owner.page, "approvals-list-phone");
  await owner.page.getByRole("link", { name: "Issue a certificate to CN=approved.example.com" }).click();
  await owner.page.getByText(/it is carried out at once/).waitFor();
  await accessible(owner.page, "approval-phone");
  await owner.page.setViewportSize({ width: 1280, height: 900 });
  await accessible(owner.page, "approval");
  await owner.page.getByLabel("Comment").fill("Ordered by the web team");
  await owner.page.getByRole("button", { name: "Approve" }).click();

  await issuer.page.getByRole("link", { name: "See the certificate approved.example.com" }).click();
  await issuer.page.getByRole("heading", { name: "approved.example.com" }).waitFor();
  await issuer.page.getByText("Approved by others").waitFor();
  await issuer.page.getByText(/Ordered by the web team/).waitFor();
  await accessible(issuer.page, "approvals-story");

  // One person does not switch it off.
  await owner.open("/approvals?view=rules");
  await owner.page.getByRole("switch", { name: /^Issue certificates/ }).uncheck({ force: true });
  await owner.page.getByRole("button", { name: "Save" }).click();
  await owner.page.getByText("Sent for approval").waitFor();
  await accessible(owner.page, "approvals-lowered");
});
