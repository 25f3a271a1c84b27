import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closing-line.ts';

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const SIMULATION = 'packages/mink/test/simulation/**/*.test.ts';

export default defineConfig({
  resolve: {
    // Tests run on the source, whatever was built; the global setup ignores export conditions, so these are aliases.
    alias: [
      { find: /^mink$/u, replacement: source('packages/mink/src/index.ts') },
      { find: /^mink\/(?<entry>\w+)$/u, replacement: source('packages/mink/src/$1/index.ts') },
      { find: /^@mink\/console$/u, replacement: source('packages/console/src/index.ts') },
      { find: /^@mink\/dev$/u, replacement: source('packages/dev/src/index.ts') },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: [
            'packages/*/{src,test}/**/*.test.ts',
            'examples/*/{src,test}/**/*.test.ts',
            'torture/test/**/*.test.ts',
            'test/**/*.test.ts',
            'bench/test/*.test.js',
          ],
          exclude: [...configDefaults.exclude, SIMULATION],
          globalSetup: ['test/support/memory-folder.ts', 'packages/mink/test/support/global-setup.ts'],
          // To load the library anew for each file took longer than many of them.
          isolate: false,
        },
      },
      // It loads the library with another clock, which nobody else must get.
      { extends: true, test: { name: 'simulation', include: [SIMULATION] } },
    ],
    // Also where there are two processors: many tests wait for other processes.
    maxWorkers: 2,
    // Each of those that run at once, the torture above all, starts servers and processes of its own.
    maxConcurrency: 3,
    reporters: ['default', new ClosingLine()],
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['packages/mink/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.generated.ts'],
      reporter: ['text-summary', 'json-summary'],
    },
  },
});
