import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

import { startPostgres } from '../../src/index.ts';

/** A path that does not exist yet, below a private directory that goes when the test ends. */
export function newDataDir(): string {
  return join(privateDirectory(), 'postgres');
}

/** Mode 0700: as root, the account of the server cannot get there by path. */
export function privateDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'mink-dev-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}

/** A dataDir with a cluster in it, to be copied: that takes less time than another initdb. */
export async function makeTemplate() {
  const directory = mkdtempSync(join(tmpdir(), 'mink-dev-template-'));
  const dataDir = join(directory, 'postgres');
  const postgres = await startPostgres({ dataDir });
  await postgres.stop();
  return {
    copy() {
      const copy = newDataDir();
      cpSync(dataDir, copy, { recursive: true });
      return copy;
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}
