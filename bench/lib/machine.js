// What the numbers were measured on.
import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { cpus, platform, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { median } from './statistics.js';

// From statfs(2); others are given by number.
const FILE_SYSTEMS = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlayfs',
};

export async function describeMachine() {
  const [cpu] = cpus();
  const { type: fileSystem } = await statfs(tmpdir());
  return {
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release()} (${platform()})`,
    fileSystem: FILE_SYSTEMS[fileSystem] ?? `0x${fileSystem.toString(16)}`,
    syncMs: syncTime(),
    load: loadAverage(),
  };
}

/** How long the disk takes to make 8 kB durable: the least a commit can cost. Milliseconds, median of 100. */
function syncTime() {
  const file = join(tmpdir(), `mink-bench-sync-${process.pid}`);
  const block = Buffer.alloc(8192, 1);
  const times = [];
  const descriptor = openSync(file, 'w');
  try {
    for (let index = 0; index < 100; index += 1) {
      const started = performance.now();
      // The same block again, as in a log file that is reused: its length does not change.
      writeSync(descriptor, block, 0, block.length, 0);
      fdatasyncSync(descriptor);
      times.push(performance.now() - started);
    }
  } finally {
    closeSync(descriptor);
    rmSync(file, { force: true });
  }
  return Number(median(times)?.toFixed(3));
}

/** One minute's average: above the work of the benchmark alone, somebody else was at the machine. */
function loadAverage() {
  try {
    return Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
  } catch {
    return undefined;
  }
}
