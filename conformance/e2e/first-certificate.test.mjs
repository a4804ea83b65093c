// From an empty server to a first certificate: somebody who reads nothing but the screens, and whose clicks are counted.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { patience, startBrowser, totp, violations } from "./demo.mjs";

const email = "ops@first.example";
const password = "several plain words 42";
const data = mkdtempSync(join(tmpdir(), "pkiaas-first-"));
let browser, server, page, url, said, partition;

before(async () => {
  said = execFileSync("dist/pkiaas", ["operator", "create", email, "--data", data, "--log-level", "warn"], { input: `${password}\n`, encoding: "utf8" });
  const manifest = join(data, "manifest.json");
  const any = "127.0.0.1:0";
  server = spawn("dist/pkiaas", ["serve", "--data", data, "--listen", any, "--listen-public", any, "--listen-mtls", any, "--listen-admin", any, "--manifest", manifest, "--log-level", "warn"], { stdio: ["ignore", "ignore", "inherit"] });
  const started = Date.now();
  while (!existsSync(manifest)) {
    if (server.exitCode !== null || Date.now() - started > patience) throw new Error("the server did not become ready");
    await new Promise((r) => setTimeout(r, 100));
  }
  url = JSON.parse(readFileSync(manifest, "utf8")).baseUrl.replace("127.0.0.1", "localhost");
  browser = await startBrowser();
  page = await (await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" })).newPage();
});
after(async () => {
  await browser?.close();
  server?.kill("SIGTERM");
  if (server) await new Promise((r) => server.once("exit", r));
  rmSync(data, { recursive: true, force: true });
});

/** Keeps pictures of a screen where PKIAAS_SHOTS says, and holds it against WCAG. */
async function look(name) {
  await page.waitForFunction(() => !document.querySelector('[aria-label="Loading"]'));
  assert.deepEqual(await violations(page), [], name);
  const shots = process.env.PKIAAS_SHOTS;
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await page.waitForFunction((wanted) => document.documentElement.getAttribute("data-mantine-color-scheme") === wanted, colorScheme);
      await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((a) => a.effect.getComputedTiming().iterations !== Infinity).map((a) => a.finished)));
      await page.screenshot({ path: join(shots, `${name}-${width}-${colorScheme}.png`) });
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

const clicks = [];
async function click(name, element) {
  await element.click();
  clicks.push(name);
}
const button = (name, within = page) => within.getByRole("button", { name, exact: true }).or(within.getByRole("link", { name, exact: true }));
/** Whatever a new authority needs, nothing of it by the mouse. */
async function fillAuthority(id, name) {
  const drawer = page.getByRole("dialog", { name: "Create Authority" });
  await drawer.getByLabel("CA Identifier").fill(id);
  await drawer.getByLabel("Friendly Name").fill(name);
  await drawer.getByLabel("Value of CN").fill(name);
  return drawer;
}

test("the command that makes the operator says what it made and what comes next", () => {
  assert.match(said, new RegExp(`^Created the platform operator ${email}\\.`));
  assert.match(said, /https:\/\/localhost:8443/);
  assert.match(said, /second factor/);
  assert.match(said, /Create Subscription/);
  assert.ok(!said.includes(password));
});

test("an empty server gives its first certificate after at most 14 clicks", async () => {
  await page.goto(url);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").first().fill(password);
  await look("01-sign-in");
  await click("Continue", button("Continue"));
  await page.getByAltText("QR code for the authenticator app").waitFor();
  await look("02-second-factor");
  const secret = (await page.getByText(/^[A-Z2-7]{32}$/).textContent()).trim();
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Digit 1");
  await page.keyboard.type(totp(secret));
  await page.getByText("Keep these recovery codes").waitFor();
  await look("03-recovery-codes");
  await click("I have kept them", button("I have kept them"));

  await page.getByText("No subscription yet").waitFor();
  await look("04-no-subscription");
  await click("Create Subscription", button("Create Subscription"));
  const create = page.getByRole("dialog", { name: "Create Subscription" });
  await create.getByLabel("Name").fill("House PKI");
  assert.equal(await create.getByLabel("Owner's e-mail").inputValue(), email, "whoever makes it can own it");
  await look("05-create-subscription");
  await click("Create", button("Create", create));
  const assign = page.getByRole("dialog", { name: "Assign Subscription" });
  await assign.waitFor();
  const regions = await assign.getByRole("radio").all();
  if (regions.length > 1) await click("Region", regions[0]);
  await click("Terms", assign.getByLabel("I agree with the Terms"));
  await look("06-assign");
  await click("Assign", button("Assign", assign));

  await page.waitForURL(/\/p\/sub/);
  partition = page.url().replace(/\/$/, "");
  // Steps first, and no empty charts.
  const steps = page.getByRole("heading", { name: "First steps" });
  await steps.waitFor();
  assert.equal(await page.getByText("Last 30 days").count(), 0);
  assert.ok((await steps.boundingBox()).y < (await page.getByText("Active CAs").boundingBox()).y);
  await look("07-home-empty");
  await click("Create a root authority", button("Create a root authority"));
  const root = await fillAuthority("house-root", "House Root");
  await look("08-create-root");
  await click("Create", button("Create", root));
  await page.waitForURL("**/cas/house-root");
  await button("Create an authority below it").waitFor();
  await look("09-root");
  await click("Create an authority below it", button("Create an authority below it"));
  const issuing = await fillAuthority("house-issuing", "House Issuing");
  await look("10-create-issuing");
  await click("Create", button("Create", issuing));
  await page.waitForURL("**/cas/house-issuing");
  await button("Issue Certificate").waitFor();
  await look("11-issuing");
  await click("Issue Certificate", button("Issue Certificate"));
  const drawer = page.getByRole("dialog", { name: "Issue Certificate" });
  const profile = drawer.getByRole("combobox", { name: "Certificate profile" });
  await click("Certificate profile", profile);
  await page.keyboard.type("web");
  await page.getByRole("option", { name: /^TLS server/ }).waitFor();
  await look("12-issue-profile");
  await page.keyboard.press("Enter");
  assert.equal(await profile.inputValue(), "TLS server");
  const csr = execFileSync("openssl", ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=www.first.example", "-addext", "subjectAltName=DNS:www.first.example"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  await drawer.getByLabel("Certificate Signing Request").fill(csr);
  await drawer.getByText("Signature verified").waitFor();
  await look("13-issue");
  await click("Issue", button("Issue", drawer));
  await drawer.getByText("is issued and recorded").waitFor();
  await look("14-issued");
  console.log(`${clicks.length} clicks: ${clicks.join(", ")}`);
  assert.ok(clicks.length <= 14, `${clicks.length} clicks: ${clicks.join(", ")}`);
});

test("an authority without profiles says so before and after, and leads to them", async () => {
  assert.ok(partition, "the first certificate comes first");
  await page.goto(`${partition}/cas?create=true&parent=house-root`);
  const drawer = await fillAuthority("house-empty", "House Empty");
  await drawer.getByText("6 selected").waitFor();
  await button("None", drawer).click();
  await drawer.getByText("Without a profile it can issue nothing").waitFor();
  await look("20-no-profiles");
  await button("Create", drawer).click();
  await page.waitForURL("**/cas/house-empty");
  await page.getByText("It can issue nothing yet").waitFor();
  await look("21-no-profiles-page");
  await button("Select profiles").click();
  const dialog = page.getByRole("dialog", { name: "Select profiles" });
  await button("TLS servers and clients", dialog).click();
  await look("22-select-profiles");
  await button("Select 6", dialog).click();
  await button("Issue Certificate").waitFor();
});

test("an error far from the button is brought into view", async () => {
  await page.setViewportSize({ width: 1440, height: 480 });
  assert.ok(partition, "the first certificate comes first");
  await page.goto(`${partition}/cas?create=true&parent=house-root`);
  const drawer = await fillAuthority("house-late", "House Late");
  await drawer.getByLabel("Expiry Date").fill("2001-01-01");
  await drawer.getByLabel("CA Identifier").press("Enter");
  const field = drawer.getByRole("textbox", { name: "Expiry Date" });
  await page.waitForFunction((e) => e.getAttribute("aria-invalid") === "true", await field.elementHandle());
  await page.waitForFunction((e) => document.activeElement === e, await field.elementHandle());
  const box = await field.boundingBox();
  assert.ok(box.y > 0 && box.y + box.height < 480, `the field stands at ${box.y}`);
  await page.setViewportSize({ width: 1440, height: 900 });
});
