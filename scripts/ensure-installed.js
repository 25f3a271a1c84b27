// Runs before `npm start` and `npm test`: installs what package-lock.json says, unless that was done already.
import { spawnSync } from 'node:child_process';
import { installedStamp, lockStamp, markInstalled } from './install-stamp.js';

const LEAST_NODE = [20, 19];

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])) {
  console.error(`mink needs Node ${LEAST_NODE.join('.')} or later; this is ${process.version}.`);
  process.exit(1);
}

if (installedStamp() !== lockStamp()) {
  console.error('Installing dependencies (once) …');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error('npm ci failed; see above. Nothing was started.');
    process.exit(1);
  }
  markInstalled();
}
