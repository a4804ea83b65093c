// Enrollment protocols as people see them: a configuration is made, changed, disabled, and deleted by typing its name;
// what it issues by cannot go without it being shown; who may only read sees no way to change anything.
import assert from "node:assert/strict";
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
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (m) => m.type() === "error" && !/certificate|401/.test(m.text()) && problems.push(m.text()));
  await signIn(page, demo.manifest, demo.manifest.users.find((u) => u.email.startsWith(start)));
  return { page, problems, open: (path) => page.goto(`${demo.manifest.consoleUrl}/p/${demo.manifest.partition.id}${path}`) };
}

test("a person offers ACME, changes it, stops it and ends it", async () => {
  const { page, problems, open } = await openAs("owner");
  const dialog = page.getByRole("dialog");
  const act = async (name) => {
    await page.getByRole("button", { name: "Actions", exact: true }).click();
    await page.getByRole("menuitem", { name, exact: true }).click();
  };
  await page.getByRole("link", { name: "Enrollment Protocols", exact: true }).click();
  await page.getByText(/configuration/).first().waitFor();
  await accessible(page, "the list");
  await page.getByRole("button", { name: "Create Protocol Config" }).first().click();
  const identifier = dialog.getByLabel("Protocol Configuration Identifier");
  await identifier.fill("Web");
  await dialog.getByText("2 to 18 characters out of a-z, 0-9, hyphen and underscore", { exact: true }).waitFor();
  await identifier.fill("web-servers");
  await dialog.getByLabel("Description").fill("Servers of the shop");
  await dialog.getByLabel("Authority Identifier").click();
  // Only authorities with a profile of the protocol's group: no root is among them.
  const offered = await page.getByRole("option").allTextContents();
  assert.ok(offered.some((o) => o.startsWith("issuing-1 ")), offered.join());
  assert.ok(!offered.some((o) => o.startsWith("root-")), offered.join());
  await page.getByRole("option", { name: /^issuing-1 / }).click();
  await dialog.getByLabel("Certificate Profile").click();
  await page.getByRole("option", { name: /\(privatessl-tls-server\)/ }).click();
  const create = dialog.getByRole("button", { name: "Create", exact: true, disabled: false });
  await create.waitFor();
  await create.hover();
  await accessible(page, "the create dialog");
  await create.click();
  await page.waitForURL("**/protocols/web-servers");
  await page.getByText("Servers of the shop").first().waitFor();
  await accessible(page, "the configuration");
  for (const [tab, says] of [["End Entities", "No end entity yet"], ["Issued Certificates", "Nothing issued yet"], ["Events", "configured ACME as web-servers"]]) {
    await page.getByRole("tab", { name: tab }).click();
    await page.getByText(says).first().waitFor();
    await accessible(page, tab);
  }
  await page.reload(); // the tab is in the address
  await page.getByText("configured ACME as web-servers").waitFor();

  await open("/protocols?create=true");
  await identifier.fill("web-servers");
  await dialog.getByText("This identifier is taken").waitFor();

  await open("/protocols/web-servers");
  await act("Edit");
  await dialog.getByLabel("Description").fill("Servers of the new shop");
  const save = dialog.getByRole("button", { name: "Save", disabled: false });
  await save.waitFor();
  await save.hover(); // until it has its own colour
  await accessible(page, "the edit dialog");
  await save.click();
  await page.getByText("Servers of the new shop").first().waitFor();

  // It offers something else besides, which becomes the default, and ends.
  await page.getByRole("button", { name: "Add Offering" }).click();
  await dialog.getByLabel("Authority Identifier").click();
  await page.getByRole("option", { name: /^issuing-rsa / }).click();
  await dialog.getByLabel("Certificate Profile").click();
  await page.getByRole("option", { name: /\(privatessl-tls-server\)/ }).click();
  await dialog.getByLabel("Name").fill("rsa");
  await dialog.getByLabel("Valid for at most, hours").fill("160");
  const add = dialog.getByRole("button", { name: "Add", exact: true, disabled: false });
  await add.waitFor();
  await add.hover();
  await accessible(page, "adding an offering");
  await add.click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("160 hours").waitFor();
  await page.getByRole("button", { name: "Actions for rsa" }).click();
  await page.getByRole("menuitem", { name: "Make default" }).click();
  await page.getByRole("row", { name: /^rsa Default/ }).waitFor();
  await accessible(page, "two offerings");
  await page.getByRole("button", { name: "Actions for rsa" }).click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await page.getByText("160 hours").waitFor({ state: "detached" });

  await act("Disable");
  await accessible(page, "disabling");
  await dialog.getByRole("button", { name: "Disable" }).click();
  await page.getByText(/refused until it is enabled again: nothing is issued/).waitFor();
  await accessible(page, "a disabled one");
  await page.getByRole("button", { name: "Enable", exact: true }).click();
  await page.getByText(/refused until it is enabled again: nothing is issued/).waitFor({ state: "detached" });

  // What breaks with an authority names it.
  await open("/cas/issuing-1");
  await act("Delete Certificate Authority");
  await dialog.getByText(/web-servers/).waitFor();

  // An authority that stops issuing is told of where one looks.
  await open("/cas/issuing-1");
  await act("Disable Certificate Authority");
  await dialog.getByRole("button", { name: "Disable" }).click();
  await dialog.waitFor({ state: "detached" });
  await open("/protocols/web-servers");
  await page.getByText("Nothing can be issued through it").waitFor();
  await accessible(page, "one that cannot issue");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.reload();
  await page.getByText("Nothing can be issued through it").waitFor();
  await accessible(page, "the configuration on a phone in the dark");
  await open("/protocols");
  await page.getByRole("link", { name: "web-servers" }).waitFor();
  await accessible(page, "the list on a phone in the dark");

  await open("/protocols/web-servers");
  await act("Delete");
  await dialog.getByLabel("Type web-servers to confirm").waitFor();
  await accessible(page, "deleting");
  const confirm = dialog.getByRole("button", { name: "Delete", exact: true });
  await dialog.getByLabel("Type web-servers to confirm").fill("web-server");
  assert.ok(await confirm.isDisabled());
  await dialog.getByLabel("Type web-servers to confirm").fill("web-servers");
  await confirm.click();
  await page.waitForURL("**/protocols");
  await page.getByRole("link", { name: "web-servers" }).waitFor({ state: "detached" });
  await open("/protocols/web-servers");
  await page.getByText("No such configuration").waitFor();
  assert.deepEqual(problems, []);
});

test("who may only read sees no way to change anything", async () => {
  const owner = await openAs("ca-administrators");
  await owner.open("/protocols?create=true");
  const dialog = owner.page.getByRole("dialog");
  await dialog.getByLabel("Protocol Configuration Identifier").fill("looked-at");
  await dialog.getByLabel("Authority Identifier").click();
  await owner.page.getByRole("option", { name: /^issuing-rsa / }).click();
  await dialog.getByLabel("Certificate Profile").click();
  await owner.page.getByRole("option", { name: /\(privatessl-tls-server\)/ }).click();
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await owner.page.waitForURL("**/protocols/looked-at");

  const { page, open, problems } = await openAs("protocol-auditors");
  await open("/protocols?create=true");
  await page.getByRole("link", { name: "looked-at" }).click();
  await page.getByRole("tab", { name: "Events" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Actions", exact: true }).count(), 0);
  assert.equal(await page.getByRole("dialog").count(), 0);
  await open("/protocols");
  await page.getByRole("link", { name: "looked-at" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Create Protocol Config" }).count(), 0);
  assert.deepEqual(problems, []);
});
