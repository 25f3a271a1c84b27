import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { openPage } from './support/chromium.ts';
import { serveConsole, TOKENS } from './support/serve-console.ts';
import { HOSTILE } from './support/stage.ts';
import { row, showing, signIn, useVisits } from './support/visits.ts';

const visits = useVisits();

test('a wrong token shows nothing but that it is wrong', async () => {
  const { page } = await openPage(visits.browser);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(`${visits.stage.url}streams/Account-long`);
  await signIn(page, 'a-token-of-somebody-else');
  await showing(page.getByRole('alert'), /token is not known/u);
  expect(asked.filter((path) => path.includes('/api/') && !path.endsWith('/api/session'))).toEqual([]);
  // The right one leads to where one wanted to go.
  await signIn(page, TOKENS.viewer);
  await showing(page.locator('h1'), 'Account-long');
});

test('the token is kept nowhere that a script can read', async () => {
  const { page } = await visits.visit('admin');
  const kept = await page.evaluate(() =>
    JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]),
  );
  expect(kept).not.toContain(TOKENS.admin);
  expect(kept).toContain('""');
  const [cookie] = await page.context().cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
});

test('signing out ends it, also for a page that is still open', async () => {
  const { page } = await visits.visit('viewer');
  const other = await page.context().newPage();
  await other.goto(`${visits.stage.url}streams`);
  await row(other, /./u).first().waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token').waitFor();
  await other.getByLabel('Order').selectOption('longest');
  await other.getByLabel('Token').waitFor();
});

test('a viewer sees kinds of values only, and is told why; whoever reveals them is in the audit log', async () => {
  const { page } = await visits.visit('viewer', 'streams/Order-first');
  await row(page, 'OrderCreated')
    .getByRole('button', { name: /^Show payload/u })
    .click();
  await showing(page.getByLabel('Data of OrderCreated'), /customerId: string/u);
  expect(await page.locator('main').innerText()).not.toContain('customer-7');
  const reveal = page.getByRole('button', { name: 'Reveal values (audited)' });
  expect(await reveal.getAttribute('title')).toMatch(/"masked"/u);

  const { page: operators } = await visits.visit('operator', 'streams/Order-first');
  await row(operators, 'OrderCreated')
    .getByRole('button', { name: /^Show payload/u })
    .click();
  await showing(operators.getByLabel('Data of OrderCreated'), /customerId: string/u);
  await operators.getByRole('button', { name: 'Reveal values (audited)' }).click();
  await showing(operators.getByLabel('Data of OrderCreated'), /customerId: "customer-7"/u);
  await operators.goto(`${visits.stage.url}commands?kinds=view`);
  await showing(row(operators, 'Olaf'), /view/u);
});

test('what a payload holds is text, wherever it is shown', async () => {
  const { page, problems } = await visits.visit('operator', 'streams/Account-hostile');
  await page.getByRole('button', { name: 'Reveal values (audited)' }).click();
  await row(page, 'AccountOpened')
    .getByRole('button', { name: /^Show payload/u })
    .click();
  const text = JSON.stringify(HOSTILE);
  await showing(
    page.getByLabel('Data of AccountOpened'),
    new RegExp(text.replaceAll(/[$()*+.?[\\\]^{|}]/gu, String.raw`\$&`), 'u'),
  );
  await page.getByRole('link', { name: 'Time travel' }).click();
  await page.getByRole('button', { name: 'Reveal values (audited)' }).click();
  await page.getByLabel('State', { exact: true }).getByText(text).first().waitFor();
  await page.goto(`${visits.stage.url}events?live=off`);
  await page.getByRole('button', { name: 'Reveal values (audited)' }).click();
  await row(page, 'Account-hostile').filter({ hasText: 'AccountOpened' }).getByText('<script>').waitFor();
  expect(await page.locator('img, script:not([src])').count()).toBe(0);
  expect(await page.title()).not.toBe('hacked');
  expect(problems).toEqual([]);
});

test('text in the address is text, too', async () => {
  const { page, problems } = await visits.visit('viewer', `streams/${encodeURIComponent(`Account-${HOSTILE}`)}`);
  await showing(page.locator('h1'), /<img/u);
  expect(await page.title()).toContain('<script>');
  expect(await page.locator('main img').count()).toBe(0);
  expect(problems).toEqual([]);
});

test('a script that gets in is not run', async () => {
  const { page, problems } = await visits.visit('viewer');
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = "document.title = 'hacked'";
    document.body.append(script);
    document.body.insertAdjacentHTML(
      'beforeend',
      `<p style="color: red" onclick="document.title = 'hacked'">click</p>`,
    );
  });
  expect(await page.title()).not.toBe('hacked');
  expect(problems.join('\n')).toMatch(/Content Security Policy/u);
});

test('another site cannot make the browser do or read anything', async () => {
  const { page } = await visits.visit('admin', 'projections/order-list/1');
  await showing(page.locator('.page-title .badge'), 'live');
  const server = createServer((_, response) => response.end('<!doctype html><title>foreign</title>'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const foreign = await page.context().newPage();
    await foreign.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    const tried = await foreign.evaluate(async (base) => {
      const attempts = [
        fetch(`${base}api/session`, { credentials: 'include' }),
        fetch(`${base}api/projections/order-list/1/pause`, { method: 'POST', credentials: 'include', body: '{}' }),
        fetch(`${base}api/projections/order-list/1/pause`, {
          method: 'POST',
          mode: 'no-cors',
          credentials: 'include',
          body: '{}',
        }),
      ];
      const outcomes = await Promise.allSettled(attempts);
      const form = document.createElement('form');
      form.method = 'post';
      form.action = `${base}api/projections/order-list/1/pause`;
      form.target = 'frame';
      const frame = document.createElement('iframe');
      frame.name = 'frame';
      document.body.append(frame, form);
      const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
      form.submit();
      await loaded;
      return outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? `${outcome.value.type} ${outcome.value.status}` : 'failed',
      );
    }, visits.stage.url);
    // A `no-cors` request is sent, and says nothing; the console has refused it.
    expect(tried).toEqual(['failed', 'failed', expect.stringMatching(/^opaque|^failed/u)]);
  } finally {
    server.close();
  }
  await page.reload();
  await showing(page.locator('.page-title .badge'), 'live');
  await page.goto(`${visits.stage.url}commands?kinds=action`);
  await showing(page.locator('main'), /Nothing is in the audit log/u);
});

test('a console that is read-only allows nobody anything, and says so', async () => {
  const served = await serveConsole({ ...visits.stage.options, isReadOnly: true });
  try {
    const { page } = await openPage(visits.browser);
    await page.goto(`${served.url}projections/order-list/1`);
    await signIn(page, TOKENS.admin);
    await page.getByText('read-only', { exact: true }).waitFor();
    const pause = page.getByRole('button', { name: 'Pause' });
    await pause.waitFor();
    expect(await pause.getAttribute('aria-disabled')).toBe('true');
    expect(await pause.getAttribute('title')).toMatch(/read-only/u);
  } finally {
    await served.close();
  }
});
