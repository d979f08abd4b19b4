// The console as an operator meets it. `deploy/console-test` runs this with its servers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { inaccessible, openBrowser, openPage, overflow, picture } from "./browser.js";
import { EXAMPLE, Relay, Worker, place } from "./worker.js";

let browser;
let relay;
let worker;

before(async () => {
  relay = await Relay.open();
  worker = new Worker(relay);
  await worker.start();
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await worker?.stop();
  relay?.cut();
});

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

/** Opens the console, waits until it is live, and looks for complaints at the end. */
async function visit(look, { options, path = "", expected = () => false } = {}) {
  const { page, complaints, context } = await openPage(browser, worker.address, options);
  try {
    await page.goto(worker.address + path);
    await page.locator("#live", { hasText: "Live" }).waitFor();
    await look(page);
    assert.deepEqual(complaints.filter((text) => !expected(text)), []);
  } finally {
    await context.close();
  }
}

const rows = (page) => page.locator("#calls-table tbody tr");
const shows = (page, selector, text) => page.locator(selector, { hasText: text }).first().waitFor();

test("a worker without calls says so", async () => {
  await visit(async (page) => {
    await shows(page, "#ready", "This worker takes calls.");
    await shows(page, "#links", "Up");
    await shows(page, "#calls-note", "No call has ended");
    await shows(page, "#rate-chart", "no calls");
    await shows(page, "#settings-table", "flag --couchdb-uri");
    assert.deepEqual(await inaccessible(page), []);
    await picture(page, "empty");
  });
});

test("no password is shown", async () => {
  const secrets = [process.env.KAZOO_TEST_AMQP_URI, process.env.KAZOO_TEST_COUCHDB_URI]
    .map((uri) => new URL(uri).password)
    // The broker's may be a word that stands in an address as the user's name.
    .filter((password) => password && password !== "guest");
  await visit(async (page) => {
    const text = await page.content();
    for (const secret of secrets) assert.ok(!text.includes(secret), secret);
    for (const path of ["state", "settings", "calls", "words"]) {
      const answer = await (await fetch(worker.address + path)).text();
      for (const secret of [...secrets, "guest:guest"]) assert.ok(!answer.includes(secret), path);
    }
  });
});

test("calls appear without a reload, and their times in the charts", async () => {
  await visit(async (page) => {
    await page.evaluate(() => (window.sameDocument = true));
    await place("*55149072508");
    await rows(page).first().waitFor();
    await place("*2015149072508");
    await place("*65149072508", { keys: "4165550123" });
    await place("*3025149072508");
    await place("*2015149072508", { from: EXAMPLE.lobby });
    await place("*2995149072508");
    await page.waitForFunction(() => document.querySelectorAll("#calls-table tbody tr").length === 6);
    await shows(page, "#calls-table", "Awesome Inc.");
    await shows(page, "#calls-table", "restricted");
    await shows(page, "#rate-legend", "ended with a message: 1");
    await page.locator("#time-legend", { hasText: /median: \d/ }).waitFor();
    assert.equal(await page.evaluate(() => window.sameDocument), true);
    assert.deepEqual(await inaccessible(page), []);
  });
});

test("a call that waits for its caller is shown for as long", async () => {
  await visit(async (page) => {
    // Nothing is typed, so that the action waits until its time is up.
    const call = place("*65149072508");
    await shows(page, "#running tbody tr", EXAMPLE.account);
    await picture(page, "waiting", false);
    await call;
    await page.locator("#running").waitFor({ state: "hidden" });
    await shows(page, "#calls-table", "no_digits");
  });
});

test("calls can be filtered", async () => {
  await visit(async (page) => {
    await rows(page).nth(6).waitFor();
    await page.getByLabel("Search").fill("digits_accepted");
    assert.equal(await rows(page).count(), 1);
    await shows(page, "#calls-note", "1 of 7 calls.");
    await page.getByLabel("Search").fill("");
    await page.locator("#filter-class").selectOption("ended with a message");
    assert.equal(await rows(page).count(), 1);
    await page.locator("#filter-class").selectOption("in any way");
    await page.locator("#filter-account").selectOption(EXAMPLE.account);
    assert.equal(await rows(page).count(), 7);
    await page.getByLabel("Search").fill("nothing of this kind");
    assert.equal(await rows(page).count(), 0);
  });
});

test("a call has an address, which shows its record", async () => {
  let hash;
  await visit(async (page) => {
    await rows(page).nth(6).waitFor();
    await page.getByLabel("Search").fill("Awesome Co.");
    const link = rows(page).first().getByRole("link");
    await link.focus();
    await page.keyboard.press("Enter");
    await shows(page, "#call", "entry: an entry of the list has the dialled key");
    hash = await page.evaluate(() => location.hash);
    assert.ok(hash.startsWith("#call="), hash);
    assert.deepEqual(await inaccessible(page), []);
    await picture(page, "call", false);
    await page.keyboard.press("Escape");
    await page.locator("#call").waitFor({ state: "hidden" });
    // The page hears of it after the dialog has gone.
    await page.waitForFunction(() => location.hash === "");
    // Who closes it is back at the call.
    assert.equal(await link.evaluate((node) => node === document.activeElement), true);
  });
  await visit(async (page) => {
    await shows(page, "#call", "Awesome Co.");
    await page.getByRole("button", { name: "Close" }).click();
    await page.locator("#call").waitFor({ state: "hidden" });
  }, { path: hash });
  const unknown = (text) => text.includes("404");
  await visit((page) => shows(page, "#call", "No such call is remembered"), { path: "#call=none", expected: unknown });
});

test("a call is simulated with the keyboard alone", async () => {
  await visit(async (page) => {
    const focused = () => page.evaluate(() => document.activeElement?.name ?? "");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    await page.keyboard.press("Enter");
    for (let steps = 0; (await focused()) !== "account"; steps += 1) {
      assert.ok(steps < 100, "the form is out of reach");
      await page.keyboard.press("Tab");
    }
    await page.keyboard.type(EXAMPLE.account);
    await page.keyboard.press("Tab");
    await page.keyboard.type("*2015149072508");
    await page.keyboard.press("Tab");
    await page.keyboard.type(EXAMPLE.reception);
    await page.keyboard.press("Enter");
    await shows(page, "#simulate-status", "reason entry");
    const steps = await page.locator("#simulate-result .steps li").allTextContents();
    assert.ok(steps.length > 4, steps.join("\n"));
    assert.ok(steps.some((step) => step.includes("entry 01")), steps.join("\n"));
    await shows(page, "#simulate-result .facts", "Awesome Inc.");
    assert.deepEqual(await inaccessible(page), []);
  });
});

test("a simulation that cannot be is refused in words", async () => {
  const expected = (text) => text.includes("422");
  await visit(async (page) => {
    await page.locator("[name=account]").fill("0".repeat(32));
    await page.locator("[name=dial]").fill("1");
    await page.getByRole("button", { name: "Simulate" }).click();
    await shows(page, "#simulate-status", "does not exist");
    assert.equal(await page.locator("#simulate-result").isVisible(), false);
  }, { expected });
});

for (const [name, options] of [
  ["light", {}],
  ["dark", { colorScheme: "dark" }],
  ["phone", PHONE],
  ["phone-dark", { ...PHONE, colorScheme: "dark" }],
]) {
  test(`everything fits and can be read: ${name}`, async () => {
    await visit(async (page) => {
      await rows(page).nth(6).waitFor();
      await page.locator("[name=account]").fill(EXAMPLE.account);
      await page.locator("[name=dial]").fill("*2015149072508");
      await page.getByRole("button", { name: "Simulate" }).click();
      await shows(page, "#simulate-status", "reason entry");
      assert.equal(await overflow(page), 0);
      assert.deepEqual(await inaccessible(page), []);
      await picture(page, name);
    }, { options });
  });
}

test("a busy worker fits, too", async () => {
  // Ten minutes of a busy worker in one answer: nobody waits that long in a test.
  const state = await (await fetch(`${worker.address}state`)).json();
  const settle = (number) => Math.round(200 + 60 * Math.sin(number / 9) + ((number * 37) % 40));
  const slots = Array.from({ length: 120 }, (_, number) => ({
    number,
    decided: settle(number),
    undecided: number % 11,
    ended: 12 + (number % 7),
    gone: 20 + (number % 13),
    failed: number > 70 && number < 76 ? 30 : 0,
    p50_us: 700 + ((number * 53) % 200),
    p99_us: number > 70 && number < 76 ? 900000 : 2500 + ((number * 71) % 900),
  }));
  const ends = ["static_inline", "native", "continue_limited", "stop", "destroyed", "overdue"];
  const calls = Array.from({ length: 100 }, (_, number) => ({
    call_id: `${(number * 7919).toString(16).padStart(8, "0")}-7f1c-1240-2fab-005056aa${number}@10.26.0.182`,
    began_at_ms: state.now_ms - number * 310,
    took_ms: number % 6 === 4 ? 14873 : (number % 9) + 1,
    seam: "execute",
    account: number % 3 === 0 ? EXAMPLE.account : "0".repeat(31) + (number % 4),
    mode: ["lists", "static", "manual"][number % 3],
    name: "Somebody with a rather long name & <b>markup</b>",
    number: `+1514907${1000 + number}`,
    destination: "+14165550123",
    reason: "entry",
    outcome: "branch",
    end: ends[number % ends.length],
  }));
  const busy = {
    state: { ...state, in_flight: 412, last_minute: { ...slots.at(-1), decided: 2410 } },
    calls: { fresh: true, calls, missed: 12 },
    slots: { fresh: true, slot_s: 5, slots },
  };
  const body = Object.entries(busy).map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  for (const [name, options] of [["busy", {}], ["busy-dark-phone", { ...PHONE, colorScheme: "dark" }]]) {
    const { page, complaints, context } = await openPage(browser, worker.address, options);
    await page.route("**/events", (route) =>
      route.fulfill({ contentType: "text/event-stream", body: `retry: 60000\n${body.join("")}` }),
    );
    await page.goto(worker.address);
    await rows(page).nth(49).waitFor();
    assert.equal(await page.locator("#calls-table b").count(), 0);
    assert.equal(await overflow(page), 0);
    assert.deepEqual(await inaccessible(page), []);
    await picture(page, name, name !== "busy");
    await page.getByRole("button", { name: "Show more" }).click();
    assert.equal(await rows(page).count(), 100);
    assert.deepEqual(complaints, []);
    await context.close();
  }
});

test("a page too many still shows the state", async () => {
  const streams = [];
  // The worker may not have noticed yet that the pages of other tests are closed.
  for (let tries = 0; streams.length < 8; tries += 1) {
    assert.ok(tries < 100, "no place is given back");
    const stream = await fetch(`${worker.address}events`);
    if (stream.ok) streams.push(stream);
    else await pause(50);
  }
  const { page, context } = await openPage(browser, worker.address);
  try {
    await page.goto(worker.address);
    await shows(page, "#live", "Not live: other pages watch this worker");
    await shows(page, "#ready", "This worker takes calls.");
    await Promise.all(streams.map(({ body }) => body.cancel()));
    await page.locator("#live", { hasText: /^Live$/ }).waitFor();
  } finally {
    await context.close();
  }
});

test("the page says when the broker is away, and when it is back", async () => {
  await visit(async (page) => {
    relay.cut();
    await shows(page, "#ready", "This worker is not ready. RabbitMQ:");
    await shows(page, "#links", "Down");
    assert.match(await page.title(), /^Not ready/);
    assert.deepEqual(await inaccessible(page), []);
    await picture(page, "broker-down", false);
    await relay.mend();
    await shows(page, "#ready", "This worker takes calls.");
  });
});

test("the page says when the worker is away, and goes on with the next one", async () => {
  const expected = (text) => text.includes("ERR_") || text.includes("Failed to load");
  await visit(async (page) => {
    await rows(page).nth(6).waitFor();
    await worker.stop();
    await page.locator("#live", { hasText: "Nothing heard since" }).waitFor({ timeout: 15000 });
    await shows(page, "#ready", "The worker does not answer.");
    await picture(page, "worker-away", false);
    await worker.start();
    await shows(page, "#live", "Live");
    await shows(page, "#calls-note", "No call has ended");
  }, { expected });
});
