import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import type { TestContext } from 'vitest';

const CHROMIUM = '/usr/bin/chromium';

/** Why there is no browser to test in; undefined where there is one. */
export const missingBrowser: string | undefined = existsSync(CHROMIUM)
  ? undefined
  : 'chromium is not installed (apt-get install chromium)';

/** Skips a test where there is no browser. */
export function needBrowser(context: TestContext): void {
  if (missingBrowser !== undefined) context.skip(missingBrowser);
}

/** Starts Debian's chromium. Root may only run it without its sandbox. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A page, and what went wrong in it: errors of scripts, and what the content security policy has refused. */
export interface WatchedPage {
  readonly page: Page;
  readonly problems: readonly string[];
}

/** Answers that the page is made to get, and says so itself. */
const EXPECTED = /Failed to load resource: the server responded with a status of 4\d\d/u;

/** Opens a page in a context of its own: nothing is shared with others. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    colorScheme: 'light',
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !EXPECTED.test(message.text())) problems.push(message.text());
  });
  return { page, problems };
}
