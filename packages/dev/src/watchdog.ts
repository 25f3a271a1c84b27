import { spawn } from 'node:child_process';

export interface Watchdog {
  /** To be called once the watched process has ended. */
  dismiss(): void;
}

// `read` returns when a line comes (dismissed) or the pipe breaks, which it does when we die, however we
// die. A temporary directory goes once the server has let go of it, which removes the file: a container
// whose process 1 collects no children keeps the pid for ever. The wait itself is bounded, too.
const script = `
read -r dismissed && exit
kill -s "$1" -- "$2" 2>/dev/null
[ -n "$3" ] || exit
n=0
while [ -e "$3/data/postmaster.pid" ] && kill -s 0 -- "$2" 2>/dev/null && [ $n -lt 300 ]; do
  n=$((n + 1))
  sleep 0.1
done
rm -rf -- "$3" 2>/dev/null || { sleep 1; rm -rf -- "$3"; }
`;

/**
 * Ends a process when this one is gone, also after kill -9. A small shell process does it: nothing in
 * Node.js ties the life of a child to that of its parent.
 */
export function startWatchdog(options: {
  pid: number;
  signal: 'INT' | 'KILL';
  /** Removed when the process has ended. */
  temporaryDir: string | undefined;
}): Watchdog {
  const { pid, signal, temporaryDir = '' } = options;
  // initdb runs others: the signal that ends it goes to its whole process group.
  const target = signal === 'KILL' ? -pid : pid;
  const shell = spawn('/bin/sh', ['-c', script, 'mink-dev-watchdog', signal, String(target), temporaryDir], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell the next start still finds the orphan.
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  return { dismiss: () => void shell.stdin.end('dismissed\n') };
}
