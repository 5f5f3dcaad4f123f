/* A visitor with a browser: opens the landing page, Swagger UI and ReDoc, logs in and executes calls as
 * people do, and prints what was seen as one JSON object.
 *
 *   node browse.mjs PLAYWRIGHT URL FOLDER < {"username","password"}
 *
 * PLAYWRIGHT is the folder of playwright-core; screenshots go to FOLDER. The browser finds no other host
 * than that of URL. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const PATIENCE_MS = 120000;

const [playwright, url, folder] = process.argv.slice(2);
const login = JSON.parse(readFileSync(0, "utf8"));
const { chromium } = createRequire(import.meta.url)(playwright);

const seen = { console: [], violations: [], elsewhere: [], failed: [], pages: {} };

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${new URL(url).hostname}`],
});

/* A page whose every fault is noted. */
async function open(path, locale, device = { viewport: { width: 1280, height: 900 } }) {
  const context = await browser.newContext({ locale, ...device });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      seen.console.push(`${path}: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => seen.console.push(`${path}: ${error}`));
  page.on("request", (request) => {
    const address = new URL(request.url());
    if (!["data:", "blob:"].includes(address.protocol) && address.origin !== url) {
      seen.elsewhere.push(request.url());
    }
  });
  page.on("requestfailed", (request) => seen.failed.push(request.url()));
  await page.exposeFunction("noteViolation", (text) => seen.violations.push(`${path}: ${text}`));
  await page.addInitScript(() => document.addEventListener("securitypolicyviolation",
    (event) => window.noteViolation(`${event.violatedDirective} ${event.blockedURI}`)));
  await page.goto(url + path);
  return page;
}

async function shoot(page, name) {
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

async function land(locale) {
  const page = await open("/", locale);
  await page.waitForSelector("#state.ready");
  await page.waitForSelector("#dependencies .up");
  seen.pages[`/ ${locale}`] = {
    language: await page.getAttribute("html", "lang"),
    state: await page.textContent("#state"),
    links: await page.$$eval("nav a", (links) => links.map((link) => link.getAttribute("href"))),
  };
  await shoot(page, `landing-${locale}`);
  await page.context().close();
}

/* Shows the operations of a group, unless they are shown already. */
async function openGroup(page, tag) {
  const group = page.locator(`.opblock-tag[data-tag="${tag}"]`);
  await group.waitFor();
  if ((await group.getAttribute("data-is-open")) !== "true") {
    await group.click();
  }
}

/* Opens an operation and executes it; what came of it. */
async function execute(page, tag, id, body) {
  await openGroup(page, tag);
  const block = page.locator(`.opblock[id$="-${id}"]`);
  await block.locator(".opblock-summary-control").click();
  await block.locator(".try-out__btn").click();
  if (body) {
    await block.locator("textarea.body-param__text").fill(JSON.stringify(body));
  }
  await block.locator("button.execute").click();
  const live = block.locator(".live-responses-table .response");
  await live.locator(".response-col_description pre").first().waitFor();
  return {
    status: (await live.locator(".response-col_status").first().textContent()).trim(),
    body: await live.locator(".response-col_description pre").first().textContent(),
  };
}

async function authorize(page, token) {
  await page.locator(".auth-wrapper > .authorize").click();
  await page.locator(".auth-container input").fill(token);
  await page.locator(".auth-container button[type=submit]").click();
  await page.locator(".auth-container button", { hasText: "Logout" }).waitFor();
  await page.locator(".auth-container button.btn-done").click();
}

async function useSwagger() {
  const page = await open("/docs", "en-US");
  await page.waitForSelector(".opblock-tag");
  await shoot(page, "docs");
  const tokens = await execute(page, "auth", "post_auth_login", login);
  await authorize(page, JSON.parse(tokens.body).access_token);
  const me = await execute(page, "auth", "get_auth_me");
  seen.pages["/docs"] = {
    title: (await page.textContent(".info .title")).trim(),
    groups: await page.locator(".opblock-tag").count(),
    login: tokens.status,
    status: me.status,
    me: JSON.parse(me.body),
  };
  await shoot(page, "docs-executed");
  await page.context().close();
}

async function readRedoc() {
  const page = await open("/redoc", "ru-RU");
  await page.waitForSelector("[data-section-id^='tag/contacts/operation']");
  await page.waitForSelector("html[lang=ru]");
  await page.fill("[role=search] input", "пароль");
  await page.waitForSelector("[data-role='search:results'] [role=menuitem]");
  seen.pages["/redoc"] = {
    title: (await page.textContent("h1")).trim(),
    operations: await page.locator("[data-section-id*='/operation/']").count(),
    found: await page.locator("[data-role='search:results'] [role=menuitem]").count(),
    styled: await page.$eval(".menu-content", (menu) => getComputedStyle(menu).position),
  };
  await shoot(page, "redoc");
  await page.context().close();
}

async function issueToken() {
  const response = await fetch(`${url}/app/token`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ max_uses: 1 }),
  });
  return (await response.json()).token;
}

/* Opens the link with a token of one use, presses the button, and opens the link again. */
async function confirmToken(locale) {
  const token = await issueToken();
  const page = await open(`/confirm#${encodeURIComponent(token)}`, locale);
  const sent = [];
  page.on("request", (request) => sent.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await page.waitForSelector("#form:not([hidden])");
  const before = sent.filter((line) => !line.includes("/static/"));
  await shoot(page, `confirm-${locale}`);
  await page.click("#form button");
  await page.waitForFunction(() => document.getElementById("result").textContent);
  const used = await page.textContent("#result");
  await page.reload();
  await page.click("#form button");
  await page.waitForFunction(() => document.getElementById("result").textContent);
  seen.pages[`/confirm ${locale}`] = {
    language: await page.getAttribute("html", "lang"),
    before,
    requests: sent.filter((line) => !line.includes("/static/")),
    used,
    again: await page.textContent("#result"),
    button: await page.isVisible("#form"),
  };
  await page.context().close();
}

/* What a telephone in the dark shows of a page: how much wider than its screen, on what, in which language. */
async function look(path, ready) {
  const page = await open(path, "ru-RU", { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  await page.waitForSelector(ready);
  await page.waitForSelector("html[lang=ru]");
  if (path === "/docs") {
    await openGroup(page, "contacts");
    await page.locator('.opblock[id$="-post_contacts"] .opblock-summary-control').click();
    await page.waitForSelector(".responses-table");
  }
  const shown = await page.evaluate(() => ({
    excess: document.documentElement.scrollWidth - window.innerWidth,
    scheme: getComputedStyle(document.documentElement).colorScheme,
  }));
  await shoot(page, `telephone-${path.slice(1)}`);
  await page.context().close();
  return shown;
}

try {
  await land("ru-RU");
  await land("en-US");
  await useSwagger();
  await readRedoc();
  await confirmToken("ru-RU");
  await confirmToken("en-US");
  seen.telephone = {
    "/": await look("/", "#state.ready"),
    "/docs": await look("/docs", ".opblock-tag"),
  };
} catch (error) {
  seen.failure = String(error.stack);
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
