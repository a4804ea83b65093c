// How smooth the console stays over a large inventory: opens its screens and scrolls the list of certificates by 50 pages,
// in Chromium, and prints how long each took and which tasks held the page up (the Long Tasks API: more than 50 ms).
// node conformance/bench/scroll.mjs DATA DATABASE, with what `npm run bench -- -keep DATA browse` left.
import { signIn, startBrowser, startDemo } from "../e2e/demo.mjs";

const [data, database] = process.argv.slice(2);
if (!database) throw new Error("usage: scroll.mjs DATA DATABASE");
const demo = await startDemo(["--database", database], data);
const browser = await startBrowser();
try {
  const page = await browser.newPage({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
  await signIn(page, demo.manifest, demo.manifest.users[0]);
  await page.addInitScript(() => {
    globalThis.long = [];
    new PerformanceObserver((l) => globalThis.long.push(...l.getEntries().map((e) => e.duration))).observe({ type: "longtask", buffered: true });
  });
  const root = demo.manifest.consoleUrl + "/p/" + demo.manifest.partition.id;
  const row = (what, ms, long) => console.log(`| ${what} | ${Math.round(ms)} ms | ${long.length} | ${long.length ? Math.round(Math.max(...long)) + " ms" : ""} |`);
  console.log("| screen | until it is there | long tasks | longest |\n| --- | --- | --- | --- |");
  for (const [what, path] of [
    ["Home", ""], ["an authority", "/cas/issuing-1"], ["Certificates", "/certificates"], ["Reports", "/reports"], ["expiries in Reports", "/reports?tab=expiries"], ["Events", "/events"],
  ]) {
    const began = Date.now();
    await page.goto(root + path);
    await page.locator("main h1").waitFor();
    await page.waitForLoadState("networkidle");
    row(what, Date.now() - began, await page.evaluate(() => globalThis.long));
  }
  await page.goto(`${root}/certificates`);
  await page.waitForLoadState("networkidle");
  await page.locator("main [role=row]").nth(5).waitFor();
  await page.evaluate(() => { globalThis.long.length = 0; });
  let pages = 0;
  page.on("response", (r) => { if (r.url().endsWith("/graphql")) pages++; });
  await page.mouse.move(800, 600);
  const began = Date.now();
  while (pages < 50 && Date.now() - began < 120_000) {
    await page.mouse.wheel(0, 1200);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  row(`scrolling by ${pages} answers`, Date.now() - began, await page.evaluate(() => globalThis.long));
  console.log(`${await page.evaluate(() => document.querySelectorAll("*").length)} elements in the page after it`);
} finally {
  await browser.close();
  await demo.stop({ keep: true });
}
