// The life of an account: invited to a second partition and accepted signed in, removed from it, the second factor reset
// by an operator and enrolled anew.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { mailTo, signIn, startBrowser, startDemo, totp, violations } from "./demo.mjs";

let demo, browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function visit(user) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  const page = await context.newPage();
  if (user) await signIn(page, demo.manifest, user);
  return page;
}

/** Looks at a screen on a desk and on a phone: accessible, no sideways scrolling; kept as pictures when PKIAAS_SHOTS says where. */
async function look(page, name) {
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    await page.setViewportSize({ width, height });
    await page.mouse.move(0, 0);
    const found = await violations(page);
    assert.deepEqual(found, [], `${name} at ${width}`);
    assert.ok(!(await page.evaluate("document.documentElement.scrollWidth > innerWidth")), `${name} scrolls sideways at ${width}`);
    if (process.env.PKIAAS_SHOTS) {
      mkdirSync(process.env.PKIAAS_SHOTS, { recursive: true });
      await page.screenshot({ path: `${process.env.PKIAAS_SHOTS}/${name}-${width}.png` });
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

test("invited again, removed, reset", async () => {
  const { consoleUrl, users } = demo.manifest;
  const auditor = users.find((u) => u.email.startsWith("ca-auditors"));
  const owner = await visit(users[0]);
  await owner.goto(`${consoleUrl}/supervisor/subscriptions?search=second`);
  await owner.getByRole("button", { name: "Assign Subscription" }).click();
  await owner.getByRole("dialog").getByRole("radio").first().check();
  await owner.getByLabel("I agree with the Terms").check();
  await owner.getByRole("button", { name: "Assign", exact: true }).click();
  await owner.waitForURL(/\/p\/sub/);
  const second = owner.url().split("/p/")[1].slice(0, 13);

  await owner.goto(`${consoleUrl}/p/${second}/users`);
  await owner.getByRole("button", { name: "Invite User" }).click();
  await owner.getByLabel("Email").fill(auditor.email);
  await owner.getByLabel("First Name").fill("Somebody");
  await owner.getByLabel("Last Name").fill("Known");
  await owner.getByRole("dialog").getByRole("combobox", { name: "Roles" }).click({ force: true });
  await owner.getByRole("option", { name: "CA Auditors" }).click();
  await owner.keyboard.press("Tab");
  await look(owner, "people-invite");
  await owner.getByRole("button", { name: "Invite", exact: true }).click();
  await owner.getByText("Ask the platform operator to pass on the link").waitFor();
  // Nothing of the account shows.
  await owner.getByText("Somebody Known").waitFor();
  assert.equal(await owner.getByText("Audrey").count(), 0);
  assert.equal(await owner.getByText("/invitation#").count(), 0);
  await owner.getByText("Invited", { exact: true }).waitFor();
  await look(owner, "people-invited");

  // The link leads to the sign-in; there the person accepts.
  const operator = await visit(demo.manifest.operator);
  const [, token] = /invitation#(\S+)/.exec(await mailTo(operator, auditor.email, "/invitation#"));
  const person = await visit();
  await person.goto(`${consoleUrl}/invitation#${token}`);
  await person.getByText("You already have an account").waitFor();
  await look(person, "people-invitation");
  await signIn(person, demo.manifest, auditor);
  await person.getByText("You have an invitation").waitFor();
  await person.getByRole("link", { name: "Accept or decline on your profile page" }).click();
  await person.getByRole("button", { name: "Accept the invitation to second subscription" }).waitFor();
  await look(person, "people-profile");
  await person.getByRole("button", { name: "Accept the invitation to second subscription" }).click();
  await person.getByText("Accepted. The partition is now among yours.").waitFor();
  await person.goto(`${consoleUrl}/p/${second}/cas`);
  await person.getByRole("heading", { name: "Certificate Authorities" }).waitFor();

  await owner.reload();
  await owner.getByText("Audrey Audit").waitFor();
  await owner.getByRole("button", { name: `Remove ${auditor.email} from the partition` }).click();
  await look(owner, "people-remove");
  await owner.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  await owner.getByText("Audrey Audit").waitFor({ state: "detached" });
  await person.reload();
  await person.getByText("No such partition").waitFor();

  await operator.goto(`${consoleUrl}/supervisor/accounts?search=ca-auditors`);
  await operator.getByRole("button", { name: auditor.email }).click();
  await operator.getByText("authenticator app").waitFor();
  await look(operator, "people-account");
  await operator.getByRole("button", { name: "Reset second factor" }).click();
  await look(operator, "people-reset");
  await operator.getByRole("button", { name: "Reset second factor" }).click();
  await operator.getByText("The second factor is reset.").waitFor();
  await look(operator, "people-accounts");
  const [code] = /[A-Z2-7]{4}(-[A-Z2-7]{4}){3}/.exec(await mailTo(operator, auditor.email, "second factor was reset"));

  await person.goto(`${consoleUrl}/login`);
  await look(person, "people-login");
  await person.getByLabel("E-mail").fill(auditor.email);
  await person.locator("input[name=password]").fill(auditor.password);
  await person.getByRole("button", { name: "Continue" }).click();
  await person.getByLabel("Code from the mail").fill(code);
  await look(person, "people-code");
  await person.getByRole("button", { name: "Continue" }).click();
  await person.getByAltText("QR code for the authenticator app").waitFor();
  const secret = (await person.getByText(/^[A-Z2-7]{32}$/).textContent()).trim();
  await person.getByLabel("Digit 1").click();
  await person.keyboard.type(totp(secret));
  await person.getByRole("button", { name: "I have kept them" }).click();
  await person.getByRole("button", { name: "Your account" }).waitFor();

  await person.context().clearCookies();
  await person.goto(`${consoleUrl}/login`);
  await person.getByRole("link", { name: "Forgot your password?" }).click();
  await person.getByLabel("E-mail").fill(auditor.email);
  await person.getByRole("button", { name: "Send a link" }).click();
  await person.getByText("a link is on its way").waitFor();
  await look(person, "people-password");
  const [, reset] = /password#(\S+)/.exec(await mailTo(operator, auditor.email, "/password#"));
  await person.goto("about:blank");
  await person.goto(`${consoleUrl}/password#${reset}`);
  await person.locator("input[autocomplete=new-password]").fill("several other words 43");
  await person.getByRole("button", { name: "Set password" }).click();
  await person.getByText("is changed, and every session has ended").waitFor();
});
