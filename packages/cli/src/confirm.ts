import type { Command } from 'commander';
import type { Context, GlobalOptions } from './context.ts';
import { UsageError } from './errors.ts';
import { interruptible, InterruptedError } from './interrupt.ts';
import { jsonText } from './json-text.ts';
import { escapeControls } from './terminal-text.ts';

/** The options of commands that do what is not taken back easily. */
export interface ConfirmOptions extends GlobalOptions {
  readonly yes?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

/** What a command is about to do. */
export interface Effect {
  /** Goes on after "Would": `drop version 1 of cart-list, for good`. */
  readonly text: string;
  /** The same for machines. */
  readonly facts: object;
}

export function addConfirmation(command: Command): Command {
  return command.option('--yes', 'do it without asking').option('--dry-run', 'say what would be done; nothing changes');
}

/**
 * Whether to do it: with `--yes`, or when the person at the terminal says so. False for `--dry-run`, which says what would be done.
 * Without a terminal there is nobody to ask, and it is a `UsageError`.
 */
export async function confirmed(context: Context, options: ConfirmOptions, { text, facts }: Effect): Promise<boolean> {
  const { stdout, ask, signal } = context;
  if (options.dryRun === true) {
    await stdout.line(options.json === true ? jsonText({ ...facts, wouldDo: text }) : escapeControls(`Would ${text}.`));
    return false;
  }
  if (options.yes === true) return true;
  if (ask === undefined)
    throw new UsageError(`This would ${text}. Say --yes to do it, or --dry-run to see what it would do.`);
  const answer = await interruptible(ask(escapeControls(`This will ${text}. Go on? [y/N] `), signal), signal);
  if (/^\s*y(?:es)?\s*$/iu.test(answer)) return true;
  throw new InterruptedError();
}
