// Which of the subjects are there, in which version and configuration; installs and builds what is missing.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildGoMink } from './go-mink.js';

const folder = fileURLToPath(new URL('../', import.meta.url));
const fromNpm = new Set(['emmett', 'castore']);

/**
 * For each subject: its settings and how to start it, or why it is not there.
 *
 * @returns a map from name to `{ settings, program?, lacksFeed? }` or `{ absent: reason }`
 */
export async function prepareSubjects(names, log) {
  const problem = names.some((name) => fromNpm.has(name)) ? installPeers(log) : undefined;
  const prepared = new Map();
  for (const name of names) {
    if (fromNpm.has(name) && problem !== undefined) prepared.set(name, { absent: problem });
    else if (name === 'go-mink') prepared.set(name, buildGoMink(log));
    else prepared.set(name, await inNode(name));
  }
  return prepared;
}

async function inNode(name) {
  const { settings, lacksFeed } = await import(`../subjects/${name}.js`);
  return { settings, lacksFeed };
}

/** `npm ci` in bench/, once for each lock file. Says what went wrong, if something did. */
function installPeers(log) {
  const stampFile = new URL('../node_modules/.mink-bench-installed', import.meta.url);
  const stamp = createHash('sha256')
    .update(readFileSync(new URL('../package-lock.json', import.meta.url)))
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return undefined;
  log('Installing what mink is compared with into bench/ (once) …');
  const { status, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status !== 0)
    return `could not be installed: ${(stderr ?? '').trim().split('\n')[0] || `npm ended with ${status}`}`;
  writeFileSync(stampFile, stamp);
  return undefined;
}
