import type { Request } from './arguments.ts';
import { commandsSuite } from './commands/commands-suite.ts';
import { feedSuite } from './feed/feed-suite.ts';
import type { PlacedFinding } from './feed/run.ts';
import { projectionsSuite } from './projections/projections-suite.ts';

/** What a suite gets beside what was asked for. */
export interface SuiteContext {
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly tell: (message: string) => void;
  /** A directory of its own; it goes unless the suite failed. */
  readonly directory: string;
}

/** What every suite reports; it may have more to say. */
export interface SuiteReport {
  /** The last line of standard output. */
  readonly summary: Readonly<Record<string, unknown>>;
  readonly findings: readonly PlacedFinding[];
  /** Why the run, though nothing was found, proves nothing. */
  readonly doubts: readonly string[];
}

export type SuiteName = 'feed' | 'commands' | 'projections';

type Suite = (request: Request, context: SuiteContext) => Promise<SuiteReport>;

/** Another suite is another line here. */
export const SUITES: Readonly<Record<SuiteName, Suite>> = {
  feed: feedSuite,
  commands: commandsSuite,
  projections: projectionsSuite,
};

export function isSuite(name: string): name is SuiteName {
  return Object.hasOwn(SUITES, name);
}
