#!/usr/bin/env node
import { askAtTerminal } from './ask-at-terminal.ts';
import { terminalOf } from './terminal.ts';
import { run } from './program.ts';

const interrupt = new AbortController();
// Once each: a second Ctrl-C ends the process at once, as it would without us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => interrupt.abort());

const exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  ask: askAtTerminal(process.stdin, process.stderr),
  terminal: terminalOf(process),
  signal: interrupt.signal,
});
// All output is written by now. The config file may have left a pool or a timer behind that would keep us waiting.
process.exit(exitCode);
