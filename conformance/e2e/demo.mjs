// What every browser test needs: a demo of its own, a browser, and a way to sign in.
import { execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");

/** What is wrong with a page: WCAG 2.2 A and AA. That each name holds the label one sees (2.5.3) is a rule which axe counts as experimental. */
export async function violations(page) {
  // Colours on their way to others are none to judge.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((a) => a.effect.getComputedTiming().iterations !== Infinity).map((a) => a.finished)));
  return page.evaluate(`${axe};axe.run(document,{runOnly:['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa'],rules:{'label-content-name-mismatch':{enabled:true}}}).then(r=>r.violations.flatMap(v=>v.nodes.map(n=>v.id+' '+n.html.slice(0,200))))`);
}

/** Milliseconds that these tests wait for what must happen, however slow the machine is. */
export const patience = 180_000;

/** With PKIAAS_TEST_KEYSTORE=softhsm keys are kept in a SoftHSM token of the data directory's own. */
function keystore(data) {
  const kind = process.env.PKIAAS_TEST_KEYSTORE ?? "";
  if (kind === "") return { args: [], env: {} };
  if (kind !== "softhsm") throw new Error(`PKIAAS_TEST_KEYSTORE=${kind}: softhsm or nothing`);
  const dir = join(data, "softhsm");
  const env = { SOFTHSM2_CONF: join(dir, "softhsm2.conf") };
  mkdirSync(join(dir, "tokens"), { recursive: true });
  writeFileSync(env.SOFTHSM2_CONF, `directories.tokendir = ${join(dir, "tokens")}\nlog.level = ERROR\n`);
  writeFileSync(join(dir, "pin"), "271828", { mode: 0o600 });
  execFileSync("softhsm2-util", ["--init-token", "--free", "--label", "browser", "--pin", "271828", "--so-pin", "314159"], { env: { ...process.env, ...env }, stdio: "ignore" });
  return { args: ["--keystore", `pkcs11:token=browser?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:${join(dir, "pin")}&x-timeout-ms=120000`], env };
}

/** Starts `pkiaas demo` on free ports in an empty directory, or in one that an earlier start kept, and waits until it is ready. */
export async function startDemo(extra = [], data = mkdtempSync(join(tmpdir(), "pkiaas-e2e-"))) {
  const any = "127.0.0.1:0";
  const file = join(data, "manifest.json");
  rmSync(file, { force: true });
  const keys = extra.includes("--keystore") ? { args: [], env: {} } : keystore(data);
  const server = spawn("dist/pkiaas", ["demo", "--data", data, "--listen", any, "--listen-public", any, "--listen-mtls", any, "--listen-admin", any, "--log-level", "warn", ...keys.args, ...extra], { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...keys.env } });
  const started = Date.now();
  while (!existsSync(file)) {
    if (server.exitCode !== null || Date.now() - started > patience) throw new Error("the demo did not become ready");
    await new Promise((r) => setTimeout(r, 100));
  }
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  // Passkeys need a name, not an address.
  manifest.consoleUrl = manifest.baseUrl.replace("127.0.0.1", "localhost");
  return {
    data,
    manifest,
    async stop({ keep = false } = {}) {
      server.kill("SIGTERM");
      await new Promise((r) => server.once("exit", r));
      if (!keep) rmSync(data, { recursive: true, force: true });
      return server.exitCode;
    },
  };
}

export async function startBrowser() {
  const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
  if (!executablePath) throw new Error("no Chromium: install it (Debian: apt-get install chromium)");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    context.setDefaultTimeout(patience);
    return context;
  };
  return browser;
}

export function totp(secret, at = Date.now()) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = "";
  for (const c of secret) bits += alphabet.indexOf(c).toString(2).padStart(5, "0");
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** Signs in with password and authenticator code. A code is good once, so a second sign-in in 30 seconds takes the next one. */
const used = new Map();
export async function signIn(page, manifest, user) {
  await page.goto(`${manifest.consoleUrl}/login`);
  await page.getByLabel("E-mail").fill(user.email);
  await page.locator('input[name=password]').fill(user.password);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Digit 1").waitFor();
  let at = Date.now();
  if (Math.floor(at / 30_000) <= (used.get(user.email) ?? 0)) at = (used.get(user.email) + 1) * 30_000;
  used.set(user.email, Math.floor(at / 30_000));
  await page.getByLabel("Digit 1").click();
  await page.keyboard.type(totp(user.totpSecret, at));
  await page.getByRole("button", { name: "Your account" }).waitFor();
}

/** The newest mail of the outbox to somebody that holds a text. Only platform operators see it: `page` is signed in as one. */
export async function mailTo(page, to, text) {
  const answer = await page.evaluate(async () => {
    const r = await fetch("/graphql", { method: "POST", headers: { "Content-Type": "application/json", "X-Requested-With": "pkiaas" }, body: JSON.stringify({ query: "{ platformOutbox { nodes { to subject body } } }" }) });
    return r.json();
  });
  const mail = answer.data.platformOutbox.nodes.find((m) => m.to === to && (m.subject + m.body).includes(text));
  if (!mail) throw new Error(`no mail to ${to} with ${text}`);
  return mail.body;
}
