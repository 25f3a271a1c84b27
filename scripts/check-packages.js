// Packs each published package, then checks the tarball: publint (can it be published), attw (do its types resolve).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Only ESM is shipped; Node 20.19 and later can require() it, which attw does not know yet.
const ESM_ONLY = ['--ignore-rules', 'cjs-resolves-to-esm'];
// A package without code to import (a command) has no types to check.
const packages = [
  { directory: 'packages/mink', types: true },
  { directory: 'packages/dev', types: true },
  { directory: 'packages/console', types: true },
  { directory: 'packages/cli', types: false },
];

const target = mkdtempSync(join(tmpdir(), 'mink-pack-'));
try {
  for (const { directory, types } of packages) {
    const [{ filename }] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', target], {
        cwd: directory,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    run('publint', ['--strict', directory]);
    if (types) run('attw', [join(target, filename), '--profile', 'node16', ...ESM_ONLY]);
  }
} finally {
  rmSync(target, { recursive: true, force: true });
}

function run(command, parameters) {
  console.log(`${command} ${parameters.join(' ')}`);
  execFileSync('npx', ['--no-install', command, ...parameters], { stdio: 'inherit' });
}
