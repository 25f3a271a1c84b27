import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { allPages } from './support/all-pages.ts';
import { row, showing, useVisits } from './support/visits.ts';

const visits = useVisits();

interface Finding {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** What axe finds wrong, of what is serious or critical. */
async function findings(page: Page): Promise<readonly string[]> {
  // As a function of the browser's own tools: the page's policy would refuse a script.
  await page.evaluate(axe.source);
  const found = await page.evaluate<readonly Finding[]>('axe.run(document).then(({ violations }) => violations)');
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)}\n  ${failureSummary}`),
    );
}

const hasNoSidewaysScroll = (page: Page): Promise<boolean> =>
  page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing serious on any page in the ${colorScheme} theme`, async () => {
    const { page } = await visits.visit('operator', '', { colorScheme });
    for (const { path, sees, name } of allPages(visits.stage)) {
      await page.goto(visits.stage.url + path);
      await showing(page.locator('main'), sees);
      expect(await findings(page), name).toEqual([]);
    }
    await page.goto(`${visits.stage.url}projections/balances/1`);
    await page.getByRole('button', { name: 'Rebuild' }).click();
    await page.getByRole('dialog').waitFor();
    expect(await findings(page), 'dialog').toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await findings(page), 'sign-in').toEqual([]);
  });
}

test('on a phone no page is wider than the screen, and the menu leads everywhere', async () => {
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true };
  const { page } = await visits.visit('operator', '', phone);
  for (const { path, sees, name } of allPages(visits.stage)) {
    await page.goto(visits.stage.url + path);
    await showing(page.locator('main'), sees);
    expect(await hasNoSidewaysScroll(page), name).toBe(true);
  }
  expect(await findings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('link', { name: 'Streams' }).click();
  await showing(page.locator('h1'), 'Streams');
  expect(await page.getByRole('navigation', { name: 'Pages' }).isVisible()).toBe(false);
});

test('on a phone the environment can be read in full, and one can sign out', async () => {
  const { page } = await visits.visit('operator', '', { viewport: { width: 390, height: 844 }, isMobile: true });
  const cut = page.getByTitle('Environment').evaluate((badge) => badge.scrollWidth - badge.clientWidth);
  expect(await cut).toBe(0);
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token').waitFor();
});

test('everything is reached by keyboard alone', async () => {
  const { page } = await visits.visit('operator');
  const { keyboard } = page;
  await showing(page.locator('h1'), 'Overview');
  await keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content');
  await keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');

  await keyboard.press('?');
  await showing(page.getByRole('dialog', { name: 'Keys' }), /g\s*p[\s\S]*Projections/u);
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });

  const places = {
    p: 'Projections',
    d: 'Dead letters',
    e: 'Events',
    n: 'Snapshots',
    m: 'Schema',
    c: 'Commands',
    s: 'Streams',
  };
  for (const [key, title] of Object.entries(places)) {
    await keyboard.press('g');
    await keyboard.press(key);
    await showing(page.locator('h1'), title);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
  }

  await row(page, /./u).first().waitFor();
  await keyboard.press('/');
  await keyboard.type('Order-');
  await expect.poll(() => row(page, /./u).allInnerTexts()).toHaveLength(1);
  await keyboard.press('Escape');
  await keyboard.press('j');
  await keyboard.press('Enter');
  await showing(page.locator('h1'), 'Order-first');
  await row(page, /./u).first().waitFor();
  await keyboard.press('j');
  await keyboard.press('j');
  await keyboard.press('k');
  await keyboard.press('Enter');
  await page.getByRole('group', { name: 'Data of OrderShipped', exact: true }).waitFor();
  await keyboard.press('Escape');
  await showing(page.locator('h1'), 'Streams');

  await keyboard.press('g');
  await keyboard.press('o');
  await showing(page.locator('h1'), 'Overview');
});

test('the focus is always seen', async () => {
  const { page } = await visits.visit('operator', 'projections/balances/1');
  await page.getByRole('button', { name: 'Pause' }).waitFor();
  for (let step = 0; step < 30; step += 1) {
    await page.keyboard.press('Tab');
    const seen = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === null || element === document.body) return 'none';
      const { outlineStyle, outlineWidth, borderColor } = getComputedStyle(element);
      const around = getComputedStyle(element.closest('.bar-search') ?? element);
      return outlineStyle !== 'none' && outlineWidth !== '0px'
        ? 'outline'
        : around.borderColor === borderColor
          ? element.outerHTML
          : 'border';
    });
    expect(seen).toMatch(/^(?:none|outline|border)$/u);
  }
});

test('the theme is that of the system until somebody chooses, and the choice stays', async () => {
  const { page } = await visits.visit('viewer', '', { colorScheme: 'dark' });
  const ground = (): Promise<string> =>
    page.evaluate(() => getComputedStyle(document.body.parentElement ?? document.body).backgroundColor);
  const dark = await ground();
  await page.getByRole('button', { name: 'Light theme' }).click();
  await expect.poll(ground).not.toBe(dark);
  const light = await ground();
  await page.reload();
  await page.getByRole('button', { name: 'Dark theme' }).click();
  await expect.poll(ground).toBe(dark);
  expect(light).not.toBe(dark);
});
