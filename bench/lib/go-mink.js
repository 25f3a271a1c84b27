// Builds the Go program that does the works with go-mink, where Go is installed and the module can be had.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../subjects/go-mink/', import.meta.url));
const BUILD_TIMEOUT_MS = 600_000;

/** `{ program, settings }`, or `{ absent }` with the reason. */
export function buildGoMink(log) {
  const installed = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (installed.status !== 0) return { absent: 'Go is not installed here' };
  const version = /go-mink\.dev (v\S+)/.exec(readFileSync(join(source, 'go.mod'), 'utf8'))?.[1];
  log('Building the program for go-mink …');
  // Elsewhere: building writes a go.sum.
  const folder = mkdtempSync(join(tmpdir(), 'mink-bench-go-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  cpSync(source, folder, { recursive: true });
  const program = join(folder, 'bench');
  const { status, stderr, error } = spawnSync('go', ['build', '-mod=mod', '-o', program, '.'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
  });
  if (status !== 0) {
    return { absent: `go-mink ${version} could not be built here: ${reason(stderr ?? '', error)}` };
  }
  return {
    program,
    settings: {
      version,
      driver: `database/sql with pgx, ${installed.stdout.trim()}`,
      append: 'EventStore.Append with ExpectVersion(NoStream)',
      connections: 'as many as writers, at most 64',
      feed: 'SubscribeAll, buffer of 1,000, default poll interval (100 ms)',
    },
  };
}

/** The last line that says why, without the addresses in it: those are this machine's business. */
function reason(stderr, error) {
  if (error !== undefined) return error.message;
  const lines = stderr.trim().split('\n');
  const line =
    lines.find((text) => /403|404|not found|no such host|timeout|refused|not available/i.test(text)) ??
    lines.at(-1) ??
    '';
  return line
    .replaceAll(/https?:\/\/\S+/g, '…')
    .trim()
    .slice(0, 200);
}
