import type { Writable } from 'node:stream';
import type { Terminal } from './terminal.ts';

/** What the program gets from the process it runs in. Tests give their own. */
export interface Io {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths and the config file are looked for. */
  readonly cwd: string;
  /** Asks the person at the terminal, and gives back the line; undefined where there is none. */
  readonly ask?: ((question: string, signal: AbortSignal) => Promise<string>) | undefined;
  /** Where somebody sits and looks; undefined where the output goes elsewhere. */
  readonly terminal?: Terminal | undefined;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}
