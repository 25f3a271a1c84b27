import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import base from '../../../../../vitest.config.ts';

const HALF_AN_HOUR = 1_800_000;

const { projects: _tests, ...shared } = base.test ?? {};

// What is made with the browser and the stage of the tests, and is no test: `npm run console:screenshots`, `npm run console:measure`.
export default defineConfig({
  ...base,
  test: {
    ...shared,
    globalSetup: [fileURLToPath(new URL('../../../../mink/test/support/global-setup.ts', import.meta.url))],
    include: ['packages/console/test/browser/tools/*.tool.ts'],
    testTimeout: HALF_AN_HOUR,
    hookTimeout: HALF_AN_HOUR,
    disableConsoleIntercept: true,
  },
});
