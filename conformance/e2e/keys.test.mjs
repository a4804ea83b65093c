// Where keys live, as a person sees it: an algorithm chosen with its warning, a key in an HSM, a key moved there, the minutes
// of a ceremony, and a root that two people make.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { signIn, startBrowser, startDemo, violations } from "./demo.mjs";

const library = "/usr/lib/softhsm/libsofthsm2.so";
const skip = !existsSync(library) && "SoftHSM is not installed (Debian: apt-get install softhsm2)";
let browser, work, hsm;

before(async () => {
  if (skip) return;
  delete process.env.PKIAAS_TEST_KEYSTORE; // brings an HSM of its own
  work = mkdtempSync(join(tmpdir(), "pkiaas-keys-"));
  mkdirSync(join(work, "tokens"));
  writeFileSync(join(work, "softhsm2.conf"), `directories.tokendir = ${join(work, "tokens")}\nlog.level = ERROR\n`);
  writeFileSync(join(work, "pin"), "271828", { mode: 0o600 });
  process.env.SOFTHSM2_CONF = join(work, "softhsm2.conf");
  execFileSync("softhsm2-util", ["--init-token", "--free", "--label", "e2e", "--pin", "271828", "--so-pin", "314159"], { stdio: "ignore" });
  hsm = ["--keystore", `software=file:${join(work, "keys")}`, "--keystore", `hsm=pkcs11:token=e2e?module-path=${library}&pin-source=file:${join(work, "pin")}`];
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  if (work) rmSync(work, { recursive: true, force: true });
});

async function visit(demo, role, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  await signIn(page, demo.manifest, demo.manifest.users.find((u) => u.email.startsWith(role)));
  return { page, open: (path) => page.goto(`${demo.manifest.consoleUrl}/p/${demo.manifest.partition.id}${path}`) };
}
async function accessible(page, what) {
  const found = await violations(page);
  assert.deepEqual(found, [], what);
  assert.ok(!(await page.evaluate("document.documentElement.scrollWidth > innerWidth")), `${what} scrolls sideways`);
}
async function fillRoot({ page, open }, { id, algorithm, store }) {
  await open("/cas?create=true");
  await page.getByLabel("Root Authority", { exact: true }).check();
  await page.getByLabel("CA Identifier").fill(id);
  await page.getByLabel("Friendly Name").fill(id);
  // By keyboard alone.
  const box = page.getByRole("combobox", { name: "Signing Key Details" });
  await box.focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(algorithm);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await box.inputValue(), algorithm);
  await page.getByRole("radio", { name: new RegExp(`^${store}`) }).click();
  await page.getByLabel("Value of CN").fill(id);
}

test("the console explains algorithms, keeps keys in an HSM, moves them there, and two people make a root", { skip }, async () => {
  let demo = await startDemo(hsm);
  try {
    const owner = await visit(demo, "owner");
    const { page } = owner;
    await fillRoot(owner, { id: "vault-root", algorithm: "MLDSA65-ECDSA-P384", store: "hsm" });
    const about = page.getByRole("region", { name: "About MLDSA65-ECDSA-P384" });
    await about.getByText("Not every client can verify it").waitFor();
    await about.getByText(/signatures? a second|seconds? a signature/).waitFor();
    await page.getByRole("radio", { name: /^hsm.*for each signature it is opened/ }).waitFor();
    await accessible(page, "the chooser");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.waitForURL("**/cas/vault-root");
    await page.getByText("Encrypted by the HSM.").waitFor();

    const downloads = [];
    page.on("download", (d) => downloads.push(d));
    await page.getByRole("button", { name: "Ceremony minutes" }).click();
    while (downloads.length < 2) await page.waitForEvent("download");
    const names = downloads.map((d) => d.suggestedFilename());
    await Promise.all(downloads.map((d, n) => d.saveAs(join(work, names[n]))));
    const file = (end) => join(work, names.find((n) => n.endsWith(end)));
    execFileSync("openssl", ["cms", "-verify", "-binary", "-inform", "DER", "-in", file(".p7s"), "-content", file(".html"), "-CAfile", demo.manifest.tlsCaFile, "-purpose", "any", "-out", "/dev/null"], { stdio: "pipe" });
    const [minutes] = await Promise.all([page.context().waitForEvent("page"), page.getByRole("button", { name: "Open and print" }).click()]);
    await minutes.getByText("Minutes of the key ceremony").waitFor();
    await minutes.close();

    await owner.open("/cas/issuing-1");
    await page.getByText("In software.").waitFor();
    await page.getByRole("button", { name: "Actions" }).click();
    await page.getByRole("menuitem", { name: "Move key to another key store" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("is destroyed").waitFor();
    await page.getByRole("menu").waitFor({ state: "detached" });
    await accessible(page, "the dialog that moves a key");
    await dialog.getByRole("button", { name: "Move key" }).click();
    await dialog.waitFor({ state: "hidden" });
    await page.getByText("In the HSM, made elsewhere.").waitFor();
    await page.getByRole("button", { name: "Actions" }).click();
    assert.equal(await page.getByRole("menuitem", { name: "Move key to another key store" }).count(), 0, "a key in an HSM stays there");
    await page.context().close();

    assert.equal(await demo.stop({ keep: true }), 0);
    demo = await startDemo([...hsm, "--two-person-roots"], demo.data);
    const first = await visit(demo, "ca-administrators");
    await fillRoot(first, { id: "two-root", algorithm: "ECDSAP384+SHA384", store: "hsm" });
    await first.page.getByText("A root needs two people here").waitFor();
    await first.page.getByRole("button", { name: "Ask for approval", exact: true }).click();
    await first.page.getByText("Sent for approval").waitFor();
    await first.page.getByRole("link", { name: "See the request" }).click();
    await first.page.getByText(/your own request/).waitFor();
    assert.equal(await first.page.getByRole("button", { name: "Approve" }).count(), 0);
    await accessible(first.page, "a request of one's own");

    const second = await visit(demo, "owner", { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    await second.open("/");
    await second.page.getByText("1 request waits for your approval").waitFor();
    await second.page.getByRole("link", { name: "Look at what is asked for" }).click();
    await second.page.getByRole("link", { name: "Create the root two-root" }).click();
    await second.page.getByRole("definition").filter({ hasText: /^hsm$/ }).waitFor();
    await accessible(second.page, "a request to approve, on a phone");
    await second.page.getByRole("button", { name: "Approve" }).click();
    await second.page.getByRole("link", { name: "See two-root" }).click();
    await second.page.getByText("Active", { exact: true }).first().waitFor();
    await second.page.getByText("In the HSM.").waitFor();

    await fillRoot(first, { id: "bad-root", algorithm: "Ed25519", store: "software" });
    await first.page.getByRole("button", { name: "Ask for approval", exact: true }).click();
    await first.page.getByRole("link", { name: "See the request" }).click();
    await first.page.waitForURL("**/approvals/*");
    await second.page.goto(first.page.url());
    await second.page.getByLabel("Comment").fill("Nobody ordered it");
    await second.page.getByRole("button", { name: "Reject" }).click();
    await first.page.getByText("Rejected", { exact: true }).first().waitFor();
    await first.page.getByText(/Nobody ordered it/).waitFor();
    await first.open("/cas?view=list");
    await first.page.getByText("two-root").first().waitFor();
    assert.equal(await first.page.getByText("bad-root").count(), 0, "what was rejected is not made");
  } finally {
    assert.equal(await demo.stop(), 0, "the server ends cleanly");
  }
});
