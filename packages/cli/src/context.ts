import type { Action } from './audited.ts';
import type { Io } from './io.ts';
import type { Output } from './output.ts';

/** What every command works with. */
export interface Context extends Pick<Io, 'env' | 'cwd' | 'signal' | 'ask' | 'terminal'> {
  /** Results, and nothing else. */
  readonly stdout: Output;
  /** Notes to the person at the terminal. */
  readonly stderr: Output;
  /** What is done, where it is to be found in the audit log. */
  action?: Action | undefined;
}

/** The options that every command takes. */
export interface GlobalOptions {
  readonly url?: string | undefined;
  readonly schema?: string | undefined;
  readonly config?: string | undefined;
  readonly json?: boolean | undefined;
}
