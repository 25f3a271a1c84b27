// Remembers, inside node_modules, which package-lock.json it was installed from.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const lockFile = new URL('../package-lock.json', import.meta.url);
const modules = new URL('../node_modules/', import.meta.url);
const stampFile = new URL('.mink-installed', modules);

/** Identifies what should be installed. */
export function lockStamp() {
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex');
}

/** Identifies what is installed, or undefined. */
export function installedStamp() {
  return existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : undefined;
}

/** Says that node_modules is what the lock file asks for. */
export function markInstalled() {
  if (existsSync(modules)) writeFileSync(stampFile, lockStamp());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) markInstalled();
