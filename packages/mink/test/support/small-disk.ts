import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system that is soon full. */
export interface SmallDisk {
  readonly path: string;
  /** Its new size, in MiB. */
  resize(megabytes: number): Promise<void>;
  remove(): Promise<void>;
}

/**
 * Mounts one for the account that the test servers run as. Undefined where that is not possible: it takes root on Linux,
 * with the right to mount.
 */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk | undefined> {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return undefined;
  const parent = await mkdtemp(join(tmpdir(), 'mink-disk-'));
  // The server must reach it.
  await chmod(parent, 0o755);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,uid=65534,gid=65534,mode=700`, 'tmpfs', parent]);
  } catch {
    await rm(parent, { recursive: true });
    return undefined;
  }
  return {
    path: parent,
    resize: async (size) => {
      await run('mount', ['-o', `remount,size=${size}m`, parent]);
    },
    remove: async () => {
      await run('umount', ['--lazy', parent]);
      await rm(parent, { recursive: true, force: true });
    },
  };
}

export const NO_SMALL_DISK = 'a small disk cannot be mounted: that takes root on Linux, with the right to mount';
