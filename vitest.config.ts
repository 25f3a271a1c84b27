import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closing-line.ts';

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

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
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'examples/*/{src,test}/**/*.test.ts',
      'torture/test/**/*.test.ts',
      'test/**/*.test.ts',
      'bench/test/*.test.js',
    ],
    globalSetup: ['packages/mink/test/support/global-setup.ts'],
    // To load the library anew for each file took longer than many of them.
    isolate: false,
    // Also where there are two processors: tests wait for other processes most of the time.
    maxWorkers: 2,
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
