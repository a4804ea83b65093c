// Bulk revocation, reports and notifications in a browser: by a person, with a keyboard's names for everything.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { signIn, startBrowser, startDemo, violations } from "./demo.mjs";

let demo, browser, page;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), startBrowser()]);
  page = await (await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 } })).newPage();
  await signIn(page, demo.manifest, demo.manifest.users[0]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

const base = () => `${demo.manifest.consoleUrl}/p/${demo.manifest.partition.id}`;

async function accessible(name) {
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    if (process.env.PKIAAS_SHOTS) await page.screenshot({ path: `${process.env.PKIAAS_SHOTS}/${name}-${width}.png`, fullPage: true });
    const found = await violations(page);
    assert.deepEqual(found, [], `${name} at ${width}`);
    assert.ok(await page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), `${name} at ${width} scrolls sideways`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

test("counts first, revokes then, and gives the result", async () => {
  await page.goto(`${base()}/certificates?status=ISSUED`);
  await page.getByRole("table", { name: "Certificates" }).waitFor();
  const [exported] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export certificates as CSV" }).click()]);
  const lines = readFileSync(await exported.path(), "utf8").trim().split("\r\n");
  const serials = lines.slice(1).filter((l) => l.includes("SUBSCRIBER")).slice(0, 3).map((l) => l.split(",")[0]);
  assert.equal(serials.length, 3);

  await page.goto(`${base()}/bulk`);
  await page.getByText("No bulk operation yet").waitFor();
  await accessible("bulk-empty");
  await page.getByRole("button", { name: "Revoke many" }).first().click();
  await page.getByLabel("Or paste them").fill(`${serials.join("\n")}\n${serials[0]}\nabcdef\n`);
  await page.getByLabel("Name").fill("Lost laptops");
  await page.getByRole("button", { name: "Count them" }).click();
  await page.getByText("Nothing has happened yet").waitFor();
  await page.getByRole("heading", { name: "Duplicate" }).waitFor();
  await page.getByRole("heading", { name: "Unknown" }).waitFor();
  await accessible("bulk-draft");
  await page.getByRole("button", { name: "Revoke 3 certificates" }).click();
  const dialog = page.getByRole("dialog", { name: "Revoke 3 certificates" });
  const named = dialog.getByRole("row").filter({ hasText: new RegExp(serials[0], "i") });
  await named.getByRole("link").waitFor(); // by its name
  assert.match(await named.textContent(), /Demo .*20\d\d/, "with its authority and expiry");
  assert.ok(await dialog.getByRole("button", { name: "Revoke", exact: true }).isDisabled(), "not by one click");
  await accessible("bulk-confirm");
  await dialog.getByLabel("Type revoke 3 to confirm").fill("revoke 3");
  await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("3 done, 1 failed, 1 skipped, 0 pending").waitFor();
  await page.getByRole("heading", { name: "Revoked", exact: true }).waitFor();
  const [result] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export the results as JSON lines" }).click()]);
  const items = readFileSync(await result.path(), "utf8").trim().split("\n").map(JSON.parse);
  assert.deepEqual(items.map((i) => i.result), ["REVOKED", "REVOKED", "REVOKED", "DUPLICATE", "UNKNOWN"]);
  await accessible("bulk-done");
});

test("shows reports as pictures", async () => {
  await page.goto(`${base()}/reports`);
  await page.getByRole("img", { name: /certificates issued and \d+ revoked in 90 days/ }).waitFor();
  await page.getByRole("heading", { name: "Expiry calendar" }).waitFor();
  await accessible("reports");
});

test("tells people and programs", async () => {
  await page.goto(`${base()}/notifications`);
  await page.getByRole("combobox", { name: "E-mail addresses" }).fill("pki@example.com");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByRole("button", { name: "Add Webhook" }).click();
  await page.getByLabel("Name").fill("Ticket system");
  await page.getByLabel("URL").fill("https://127.0.0.1/hook");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("Webhooks to this address are not allowed").first().waitFor();
  await page.getByLabel("URL").fill("https://hooks.invalid/pki");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText(/whsec_/).first().waitFor();
  await page.getByRole("button", { name: /Copy whsec_/ }).click();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByText("https://hooks.invalid/pki").waitFor();
  await accessible("notifications");
});
