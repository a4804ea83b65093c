// ACME as an administrator sees it: a configuration is offered, a key is made whose secret is shown once, the command that a
// client needs is copied, the key is revoked, settings are changed; every screen is accessible, in the dark and on a phone.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { signIn, startBrowser, startDemo, violations } from "./demo.mjs";

let demo, browser;
before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function accessible(page, what) {
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

test("a person offers ACME, gives a key to a client and takes it back", async () => {
  const { page, problems, open } = await openAs("protocol-operators");
  const dialog = page.getByRole("dialog");
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await open("/protocols?create=true");
  await dialog.getByLabel("Protocol Configuration Identifier").fill("shop");
  await dialog.getByLabel("Authority Identifier").click();
  await page.getByRole("option", { name: /^issuing-1 / }).click();
  await dialog.getByLabel("Certificate Profile").click();
  await page.getByRole("option", { name: /\(privatessl-tls-server\)/ }).click();
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.waitForURL("**/protocols/shop");

  // Without a key nobody can enrol, and the page says so.
  await page.getByText("there is none yet, so nobody can enrol").waitFor();
  const directory = `${demo.manifest.baseUrl}/acme/${demo.manifest.partition.id}/shop/directory`;
  await page.getByRole("button", { name: `Copy ${directory}` }).click();
  assert.equal(await copied(), directory);
  await accessible(page, "the overview without a key");
  await page.getByRole("link", { name: "Go to EAB Keys" }).click();
  await page.getByText("No EAB key yet").waitFor();
  await accessible(page, "no key");

  await page.getByRole("button", { name: "Create EAB Key" }).click();
  await dialog.getByLabel("Friendly name").fill("web team");
  await dialog.getByText("2 to 18 characters out of a-z, 0-9, hyphen and underscore", { exact: true }).waitFor();
  await dialog.getByLabel("Friendly name").fill("web-team");
  await dialog.getByLabel("Allowed identifiers").fill("*.shop.example.com");
  await dialog.getByLabel("Accounts at most").fill("3");
  const create = dialog.getByRole("button", { name: "Create", exact: true, disabled: false });
  await create.waitFor();
  await create.hover(); // until it has its own colour
  await accessible(page, "the dialog for a key");
  await create.click();
  await dialog.getByText("EAB HMAC Key: shown only now").waitFor();
  await accessible(page, "the secret");
  // Leaving with the secret unread asks first.
  let asked = "";
  page.once("dialog", (d) => { asked = d.message(); void d.dismiss(); });
  await page.evaluate(() => history.back());
  await page.waitForFunction(() => true);
  for (let n = 0; n < 50 && !asked; n++) await page.evaluate(() => new Promise(requestAnimationFrame));
  assert.match(asked, /EAB HMAC Key was neither copied nor downloaded/);
  await dialog.getByText("EAB HMAC Key: shown only now").waitFor();
  await dialog.getByRole("button", { name: "Copy command" }).click();
  const command = await copied();
  const said = /^sudo REQUESTS_CA_BUNDLE=\/tmp\/root_ca\.crt certbot certonly -d www\.shop\.example\.com --server (\S+) --standalone --no-eff-email --agree-tos -m admin@example\.com --eab-kid (\S+) --eab-hmac-key ([A-Za-z0-9_-]{86})$/.exec(command);
  assert.ok(said, command);
  assert.equal(said[1], directory);
  const [, , kid, secret] = said;
  for (const client of ["lego", "acme.sh", "Caddy", "Traefik", "cert-manager"]) {
    await dialog.getByRole("tab", { name: client }).click();
    await dialog.getByLabel("command", { exact: true }).filter({ hasText: secret }).filter({ hasText: kid }).filter({ hasText: directory }).waitFor();
  }
  await dialog.getByRole("button", { name: new RegExp(`Copy ${secret}`) }).click();
  assert.equal(await copied(), secret);
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByText("0 of 3").waitFor();
  assert.ok(!(await page.content()).includes(secret), "the secret is shown again");
  await accessible(page, "a key");
  await page.getByRole("tab", { name: "Overview" }).click();
  await page.getByLabel("command", { exact: true }).filter({ hasText: kid }).filter({ hasText: "EAB_HMAC_KEY" }).waitFor();
  await accessible(page, "the overview");
  const file = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download root_ca.crt" }).click();
  assert.equal(readFileSync(await (await file).path(), "utf8").trim(), readFileSync(demo.manifest.tlsCaFile, "utf8").trim());

  for (const [tab, says] of [["Accounts", "No account yet"], ["Orders", "No order yet"], ["Events", "made the external account key web-team of shop"]]) {
    await page.getByRole("tab", { name: tab }).click();
    await page.getByText(says).first().waitFor();
    await accessible(page, tab);
  }

  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByLabel("device-attest-01").check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Device-attest-01 needs at least one format of attestation").waitFor();
  await page.getByLabel("Apple devices", { exact: true }).check();
  await page.getByLabel("Order expires after, hours").fill("24");
  await page.getByRole("button", { name: "Save" }).hover();
  await accessible(page, "settings");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Save", disabled: true }).waitFor();
  await page.reload();
  await page.getByLabel("Order expires after, hours").waitFor();
  assert.equal(await page.getByLabel("Order expires after, hours").inputValue(), "24");
  assert.ok(await page.getByLabel("Apple devices", { exact: true }).isChecked());

  // Now devices that cannot give an EAB key can have one without binding: nobody is shown a secret.
  await page.getByRole("tab", { name: "EAB Keys" }).click();
  await page.getByRole("button", { name: "Create EAB Key" }).click();
  await dialog.getByLabel("Friendly name").fill("macs");
  await dialog.getByLabel("For devices without binding").check();
  await dialog.getByLabel("Serial numbers").fill("C02XK1ABJGH6");
  await create.waitFor();
  await create.hover();
  await accessible(page, "the dialog for a key without binding");
  await create.click();
  await dialog.getByLabel("command", { exact: true }).filter({ hasText: "%SerialNumber%" }).filter({ hasText: directory }).waitFor();
  assert.equal(await dialog.getByText("EAB HMAC Key").count(), 0);
  await accessible(page, "the payload for devices");
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByText("device:C02XK1ABJGH6").waitFor();
  await page.getByText("devices without binding", { exact: true }).waitFor();

  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 844 });
  await open("/protocols/shop?tab=eab-keys");
  await page.getByText("0 of 3").waitFor();
  await accessible(page, "keys on a phone in the dark");
  await page.getByRole("button", { name: "Revoke web-team" }).click();
  await accessible(page, "revoking on a phone in the dark");
  await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("Revoked", { exact: true }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Revoke web-team" }).count(), 0);
  assert.deepEqual(problems, []);
});

test("renewal campaigns: the next step while there is none, and what is counted", async () => {
  const { page, problems, open } = await openAs("owner");
  await page.getByRole("link", { name: "Renewal Campaigns", exact: true }).click();
  await page.getByText("No renewal campaign yet").waitFor();
  await accessible(page, "no campaign");
  await page.getByRole("button", { name: "Create Renewal Campaign" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("No certificate in force that was issued through ACME, and not renewed since, is like this.").waitFor();
  await dialog.getByLabel("Revoke those that were not renewed").check();
  await dialog.getByLabel("Revocation reason").waitFor();
  await accessible(page, "the dialog for a campaign");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 844 });
  await open("/campaigns?create=true");
  await dialog.getByText("Which certificates").waitFor();
  await accessible(page, "the dialog for a campaign on a phone in the dark");
  await open("/campaigns/none");
  await page.getByText("No such campaign").waitFor();
  assert.deepEqual(problems, []);
});

test("who may only read sees keys and settings, and no way to change them", async () => {
  const { page, problems, open } = await openAs("protocol-auditors");
  await open("/protocols/acme-1?tab=eab-keys");
  await page.getByText(demo.manifest.acme[0].eabKid).waitFor();
  assert.equal(await page.getByRole("button", { name: /Create EAB Key|Revoke demo/ }).count(), 0);
  await open("/protocols/acme-1?tab=settings");
  await page.getByText("Order expires after, hours").waitFor();
  await page.getByText("http-01", { exact: true }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Save" }).count(), 0);
  assert.equal(await page.getByRole("checkbox").count(), 0, "what a role may not do is not there");
  await open("/campaigns?create=true");
  await page.getByText(/creates the first one/).waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.deepEqual(problems, []);
});
