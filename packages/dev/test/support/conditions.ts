import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves as soon as the condition holds; fails after 15 seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited 15 seconds in vain until ${what}.`);
    await delay(5);
  }
}

/** False for a zombie, too. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

/** The shell that ends the server of a dead owner. */
export function findWatchdog(serverPid: number): number | undefined {
  return pids().find((pid) => {
    const words = commandLine(pid);
    return words.includes('mink-dev-watchdog') && words.includes(String(serverPid));
  });
}

export function watchdogOf(serverPid: number): number {
  const found = findWatchdog(serverPid);
  if (found === undefined) throw new Error(`The server ${serverPid} has no watchdog.`);
  return found;
}

function pids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
