import type { Io } from './io.ts';
import type { Output } from './output.ts';

/** What every command works with. */
export interface Context extends Pick<Io, 'env' | 'cwd' | 'signal' | 'ask'> {
  /** Results, and nothing else. */
  readonly stdout: Output;
  /** Notes to the person at the terminal. */
  readonly stderr: Output;
}

/** The options that every command takes. */
export interface GlobalOptions {
  readonly url?: string | undefined;
  readonly schema?: string | undefined;
  readonly config?: string | undefined;
  readonly json?: boolean | undefined;
}
