import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { collectIncident, type Health } from 'mink';
import { account } from './support/account.ts';
import { allPages } from './support/all-pages.ts';
import { openPage } from './support/chromium.ts';
import { serveConsole, TOKENS } from './support/serve-console.ts';
import { LONG, LONG_STREAM } from './support/stage.ts';
import { row, showing, signIn, useVisits } from './support/visits.ts';

const visits = useVisits();

test('every page shows what is there, and breaks no rule of the content security policy', async () => {
  const { page, problems } = await visits.visit('viewer');
  for (const { path, sees } of allPages(visits.stage)) {
    await page.goto(visits.stage.url + path);
    await showing(page.locator('main'), sees);
  }
  expect(problems).toEqual([]);
});

test('the overview says that dead letters wait though all is healthy, and counts no version that nobody reads', async () => {
  const health: Pick<Health, 'details'> = {
    details: async () => ({ code: 200, body: { status: 'healthy', projections: {}, reasons: [] } }),
  };
  const served = await serveConsole({ ...visits.stage.options, health });
  const { page } = await openPage(visits.browser);
  await page.goto(served.url);
  await signIn(page, TOKENS.viewer);
  await showing(page.getByRole('region', { name: 'Health' }), 'Nothing wants attention but 4 dead letter keys.');
  await expect
    .poll(() => page.getByRole('img', { name: /^Projection lag/u }).getAttribute('aria-label'))
    .toContain('events: 0 now');
  await served.close();
});

test('code of a version beside the live one, of which nothing is built yet, is no trouble of health', async () => {
  const { page } = await visits.visit('viewer');
  await showing(page.getByRole('region', { name: 'Health' }), 'projection files version 1 is stopped');
  expect(await page.getByRole('region', { name: 'Health' }).innerText()).not.toContain('balances');
});

test('the history of a checkpoint ends where it is now', async () => {
  const { page } = await visits.visit('viewer');
  await page.route('**/api/projections/balances/1', async (route) => {
    const response = await route.fetch();
    const history = [2, 1].map((minutes) => ({ at: Date.now() - minutes * 60_000, position: 3 - minutes, events: 1 }));
    await route.fulfill({ response, json: { ...(await response.json()), history } });
  });
  await page.goto(`${visits.stage.url}projections/balances/1`);
  const chart = page.getByRole('img', { name: /^Position over time/u });
  await expect.poll(() => chart.getAttribute('aria-label')).toMatch(/position: \d{2,}\S* now, from 1 to/u);
});

test('what a process does has names and units', async () => {
  const { page } = await visits.visit('viewer', 'health');
  await showing(page.locator('main'), /Event loop delay, p99\s+[\d.]+ m?s\b/u);
  expect(await page.locator('main').innerText()).not.toContain('appendsPerSecond');
});

test('the log holds the Git history, and pages of it are links', async () => {
  const { page } = await visits.visit('viewer', 'events?categories=File&live=off');
  const position = (): Promise<string> =>
    row(page, 'File').first().getByTitle('Why it happened, and what followed').innerText();
  await row(page, 'FileAdded').first().waitFor();
  const first = await position();
  await page.getByRole('button', { name: 'Older events' }).click();
  await expect.poll(() => page.url()).toContain('before=');
  await expect.poll(position).not.toBe(first);
  const older = await position();
  await page.reload();
  await expect.poll(position).toBe(older);
});

test('filters are in the address, and survive reloading, Back and Forward', async () => {
  const { page } = await visits.visit('viewer', 'projections');
  await page.getByLabel('Name', { exact: true }).fill('bal');
  await expect.poll(() => page.url()).toContain('search=bal');
  await expect.poll(() => row(page, /./u).count()).toBe(2);
  await page.reload();
  await expect.poll(() => row(page, /./u).count()).toBe(2);
  await page.getByRole('link', { name: 'Streams' }).click();
  await page.goBack();
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('bal');
});

test('Back takes back what was chosen, one by one; what was typed goes with the page', async () => {
  const { page } = await visits.visit('viewer', 'projections');
  await page.getByRole('link', { name: 'Streams' }).click();
  await page.getByRole('button', { name: /^Order/u }).click();
  await expect.poll(() => page.url()).toContain('category=Order');
  await page.getByRole('button', { name: /^Account/u }).click();
  await expect.poll(() => page.url()).toContain('category=Account');
  await page.getByLabel('Name', { exact: true }).fill('Account-b');
  await expect.poll(() => page.url()).toContain('search=Account-b');
  await page.goBack();
  await expect.poll(() => page.url()).toMatch(/streams\?category=Order$/u);
  await expect.poll(() => row(page, /./u).allInnerTexts()).toHaveLength(1);
  await page.goBack();
  await expect.poll(() => page.url()).toMatch(/streams$/u);
  await page.goBack();
  await expect.poll(() => page.url()).toMatch(/projections$/u);
});

test('streams are found by how they begin, by category, and by length', async () => {
  const { page } = await visits.visit('viewer', 'streams?order=longest');
  await expect.poll(() => row(page, /./u).first().innerText()).toContain(LONG_STREAM);
  await page.getByRole('button', { name: /^Order/u }).click();
  await expect.poll(() => row(page, /./u).allInnerTexts()).toHaveLength(1);
  await page.goto(`${visits.stage.url}streams`);
  await page.getByLabel('Name', { exact: true }).fill('Account-broken-2');
  await expect.poll(() => row(page, /./u).allInnerTexts()).toHaveLength(1);
  await row(page, 'Account-broken-2').getByRole('link').click();
  await showing(page.locator('h1'), 'Account-broken-2');
});

test('travels through ten thousand events: by slider, arrows, list and address', async () => {
  const { page, problems } = await visits.visit('operator', `streams/${LONG_STREAM}?view=states`);
  const slider = page.getByRole('slider', { name: 'Version' });
  const state = page.getByLabel('State', { exact: true });
  await expect.poll(() => slider.inputValue()).toBe(String(LONG));
  await page.getByRole('button', { name: 'Reveal values (audited)' }).click();
  await showing(state, /entries: 10000/u);

  await slider.press('Home');
  await showing(state, /entries: 1\b[\s\S]*last: null/u);
  await slider.press('ArrowRight');
  await showing(state, /entries: 2\b/u);
  await showing(page.getByLabel('Changes by event 2'), /changed\s+cents\s+0\s+→\s+100/u);
  expect(await page.locator('.json .is-changed').count()).toBeGreaterThan(0);

  await page.getByRole('heading', { name: LONG_STREAM }).click();
  await page.keyboard.press('ArrowRight');
  await showing(state, /entries: 3\b/u);

  await slider.fill('7777');
  await showing(state, /entries: 7777\b/u);
  await expect.poll(() => page.url()).toContain('at=7777');
  await page.getByRole('option', { name: /^7,779/u }).click();
  await showing(state, /entries: 7779\b/u);
  await expect.poll(() => page.url()).toContain('at=7779');
  // Of ten thousand rows, there are those in sight.
  expect(await page.getByRole('option').count()).toBeLessThan(60);

  await page.reload();
  await expect.poll(() => slider.inputValue()).toBe('7779');
  expect(problems).toEqual([]);
});

test('travels up to the event that the code fails at, and says so there', async () => {
  const { page, problems } = await visits.visit('operator', 'streams/Account-odd?view=states');
  await showing(page.getByRole('alert'), /evolve of .* failed on event .* a deposit takes nothing away/u);
  await page.getByRole('slider', { name: 'Version' }).press('Home');
  await showing(page.getByLabel('State', { exact: true }), /entries: \S*number/u);
  expect(await page.getByRole('alert').count()).toBe(0);
  expect(problems).toEqual([]);
});

test('plays events one after another, and stops at the end', async () => {
  const { page } = await visits.visit('operator', 'streams/Order-first?view=states&at=2');
  const slider = page.getByRole('slider', { name: 'Version' });
  await page.getByRole('button', { name: 'Play' }).click();
  await expect.poll(() => slider.inputValue()).toBe('5');
  await page.getByRole('button', { name: 'Play' }).waitFor();
});

test('says why an event happened: its command, what it led to, and who has handled it', async () => {
  const { page } = await visits.visit('viewer', 'events?types=OrderShipped&live=off');
  await row(page, 'OrderShipped').getByTitle('Why it happened, and what followed').click();
  const picture = page.getByRole('region', { name: 'Picture of causes and effects' });
  for (const text of ['ShipOrder', 'OrderShipped', 'AccountOpened', 'order-list 1']) {
    await picture.getByText(text, { exact: true }).first().waitFor();
  }
  await page.getByText('As a list').click();
  await showing(
    page.locator('.why-list').first(),
    /command ShipOrder[\s\S]*event OrderShipped[\s\S]*event AccountOpened/u,
  );
  await picture.getByRole('link', { name: /AccountOpened/u }).click();
  await showing(page.locator('h1'), 'AccountOpened');
});

test('what is not there says so: a page, a stream, an event', async () => {
  const { page } = await visits.visit('viewer', 'nowhere');
  await showing(page.locator('main'), /There is no such page/u);
  await page.goto(`${visits.stage.url}streams/Account-none`);
  await showing(page.getByRole('alert'), /"Account-none" does not exist/u);
  await page.goto(`${visits.stage.url}events/999999999`);
  await showing(page.getByRole('alert'), /no event at position/u);
});

test('a page whose code is gone, as after an update, says so and is loaded anew', async () => {
  const { page } = await visits.visit('viewer', 'projections');
  const code = '**/assets/streams-page-*.js';
  await page.route(code, (route) => route.fulfill({ status: 404 }));
  await page.getByRole('link', { name: 'Streams' }).click();
  await showing(page.getByRole('alert'), /could not be loaded: the console was updated/u);
  await page.unroute(code);
  await page.getByRole('button', { name: 'Try again' }).click();
  await row(page, /./u).first().waitFor();
  await showing(page.locator('h1'), 'Streams');
});

test('an incident is opened from a file, and sent nowhere', async () => {
  const { store, options } = visits.stage;
  const of = { streamName: 'Account-broken-1' };
  const { incident } = await collectIncident(store, of, { folds: [account], projections: options.projections });
  const { page, problems } = await visits.visit('viewer', 'incident');
  const sent: string[] = [];
  page.on('request', (request) => request.method() !== 'GET' && sent.push(request.url()));
  const file = { name: 'broken.incident.json', mimeType: 'application/json' };
  const open = page.getByLabel('Open a bundle');
  await open.setInputFiles({ ...file, buffer: Buffer.from(JSON.stringify(incident)) });
  await showing(
    page.locator('main'),
    /broken\.incident\.json[\s\S]*Account-broken-1[\s\S]*balances 1[\s\S]*cannot read the amount/u,
  );
  await page.getByRole('group', { name: 'State of Account' }).waitFor();
  for (const wrong of ['no bundle', '{"format":"mink-incident-1"}', '[]']) {
    await open.setInputFiles({ ...file, buffer: Buffer.from(wrong) });
    await showing(page.getByRole('alert'), /no bundle of mink incident/u);
  }
  expect(sent).toEqual([]);
  expect(problems).toEqual([]);
});

test('the doctor says what is wrong first, and what mends it, to be copied', async () => {
  const { page } = await visits.visit('operator', 'doctor');
  const first = page.locator('.finding').first();
  await showing(first, /failed|warning/u);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const mend = page.locator('.mend').first();
  await mend.getByRole('button', { name: 'Copy what mends it' }).click();
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toBe(await mend.locator('code').innerText());
});

test('the whole page is below 250 kB, and its first view below 60 kB, gzipped', () => {
  const folder = fileURLToPath(new URL('../../dist/web/', import.meta.url));
  const sizeOf = (file: string): number => gzipSync(readFileSync(join(folder, file))).length;
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.\w+$/u.test(file));
  const first = all.filter((file) => /(?:^|\/)index[.-]/u.test(file));
  const sum = (files: readonly string[]): number => files.reduce((total, file) => total + sizeOf(file), 0);
  console.log(`bundle, gzipped: ${sum(all)} bytes, of them ${sum(first)} at first`);
  expect(sum(all)).toBeLessThan(250_000);
  expect(sum(first)).toBeLessThan(60_000);
});
