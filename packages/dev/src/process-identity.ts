import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A text that differs between two processes that had the same pid at different times: the start time,
 * and on Linux the boot. Undefined when no process with this pid runs; a zombie does not run.
 */
export async function processIdentity(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
}

/** Whether the process `pid` is a PostgreSQL server that works in `clusterDir` (a real path). */
export async function isServerOf(clusterDir: string, pid: number): Promise<boolean> {
  if ((await processIdentity(pid)) === undefined) return false;
  if (process.platform !== 'linux') return (await ps(pid, 'command=')).includes('postgres');
  try {
    // A postmaster changes into its data directory and stays there.
    return (await readlink(`/proc/${pid}/cwd`)) === clusterDir;
  } catch {
    // It ended just now, or it belongs to another account, which may well run a server here.
    return (await processIdentity(pid)) !== undefined && (await commandName(pid)) === 'postgres';
  }
}

async function linuxIdentity(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field, the name in parentheses, may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X') return undefined;
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
    return `${boot.trim()}/${startTime}`;
  } catch {
    return undefined;
  }
}

async function commandName(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
}

async function psIdentity(pid: number): Promise<string | undefined> {
  const [, state, startTime] = /^\s*(\S+)\s+(.*\S)\s*$/.exec(await ps(pid, 'stat=,lstart=')) ?? [];
  return state === undefined || state.startsWith('Z') ? undefined : startTime;
}

async function ps(pid: number, columns: string): Promise<string> {
  try {
    const { stdout } = await run('ps', ['-o', columns, '-p', String(pid)], {
      env: { ...process.env, LC_ALL: 'C' },
    });
    return stdout;
  } catch {
    return '';
  }
}
