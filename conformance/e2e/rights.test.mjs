// What a session may not do without being asked again, and what a role may not hand on, as people see it.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
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
  const pictures = process.env.PKIAAS_TEST_PICTURES;
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  const size = page.viewportSize();
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await page.screenshot({ path: `${pictures}/${what.replaceAll(" ", "-")}-${width}.png` });
  }
  await page.setViewportSize(size);
}

async function openAs(start, colorScheme = "light") {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", colorScheme });
  const page = await context.newPage();
  const user = demo.manifest.users.find((u) => u.email.startsWith(start));
  await signIn(page, demo.manifest, user);
  return { page, user, open: (path) => page.goto(`${demo.manifest.consoleUrl}/p/${demo.manifest.partition.id}${path}`) };
}

test("a person is asked again before a token is made", async () => {
  const { page, user, open } = await openAs("owner");
  await open("/users?tab=tokens");
  await page.getByRole("button", { name: "Create API Token" }).click();
  const dialog = page.getByRole("dialog", { name: "Create API Token" });
  await dialog.getByLabel("Name").fill("backup");
  await dialog.getByRole("combobox", { name: "Role" }).click();
  await page.getByRole("option", { name: "CA Auditors" }).click();
  await dialog.getByLabel("A service").check();
  await accessible(page, "the dialog for a token");
  // The server asks for a proof, as it does minutes after the sign-in.
  let refused = 0;
  await page.route("**/graphql", async (route) => {
    if (refused === 0 && route.request().postData()?.includes("createApiToken")) {
      refused++;
      await route.fulfill({ json: { errors: [{ message: "Confirm that it is you.", extensions: { code: "PROOF_REQUIRED" } }] } });
    } else {
      await route.continue();
    }
  });
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  const confirm = page.getByRole("dialog", { name: "Confirm that it is you" });
  await confirm.getByRole("textbox", { name: "Password" }).waitFor();
  await accessible(page, "the question for a password");
  await confirm.locator("input[type=password]").fill("wrong password");
  await confirm.getByRole("button", { name: "Confirm" }).click();
  await confirm.getByText("The password is wrong.").waitFor();
  await confirm.locator("input[type=password]").fill(user.password);
  await confirm.getByRole("button", { name: "Confirm" }).click();
  await dialog.getByText("API token: shown only now").waitFor();
  assert.equal(refused, 1);
  await dialog.getByRole("button", { name: /^Copy/ }).first().click();
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByRole("row", { name: /backup/ }).getByText("Service", { exact: true }).waitFor();
  await accessible(page, "the list of tokens");
});

test("a CA Administrator sees which tokens are not theirs to revoke, and events arrive live", async () => {
  const { page, open } = await openAs("ca-administrators", "dark");
  await open("/users?tab=tokens");
  await page.getByRole("row", { name: /demo automation/ }).getByText("has permissions you do not have").waitFor();
  assert.equal(await page.getByRole("button", { name: "Revoke demo automation" }).count(), 0);
  await accessible(page, "the tokens of others in the dark");
  const socket = page.waitForEvent("websocket");
  await open("/events");
  const connected = await socket;
  const heard = connected.waitForEvent("framereceived", { predicate: (f) => String(f.payload).includes('"next"') });
  // A change by somebody else.
  const other = await openAs("owner");
  await other.open("/users?tab=tokens");
  await other.page.getByRole("button", { name: "Revoke demo automation" }).click();
  await other.page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await heard;
});

test("a Protocol Operator makes no key without challenge", async () => {
  const { page, open } = await openAs("protocol-operators");
  await open(`/protocols/${demo.manifest.acme[0].configId}?tab=eab-keys`);
  await page.getByRole("button", { name: "Create EAB Key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Allowed identifiers").waitFor();
  assert.equal(await dialog.getByLabel("Needs no challenge").count(), 0, "what a role may not do is not there");
  await accessible(page, "the dialog for a key of a protocol operator");
});
