import { CommanderError } from 'commander';
import { MinkError } from 'mink';
import { MinkDevError } from '@mink/dev';
import { EXIT } from './exit-codes.ts';
import { jsonText } from './json-text.ts';
import { maskPasswords } from './mask-passwords.ts';
import { escapeLines } from './terminal-text.ts';

/** An error, ready to be shown. */
interface Failure {
  readonly code: string;
  readonly message: string;
  /** The fields of the error that say more. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** What to do, where the message does not say it. */
  readonly hint: string | undefined;
  readonly stack: string | undefined;
}

const WRONG_VALUES = new Set(['USAGE', 'INVALID_ARGUMENT', 'INVALID_STREAM_NAME', 'INVALID_POSTGRES_OPTION']);
/** What Node.js does to files: these fail for reasons that whoever gave the path can mend. */
const FILE_CALLS = new Set([
  'access',
  'fsync',
  'mkdir',
  'open',
  'read',
  'rename',
  'scandir',
  'stat',
  'unlink',
  'write',
]);
const COMMON_FIELDS = new Set(['name', 'code', 'message', 'stack', 'cause']);

/** The text for stderr, and the exit code. */
export function describeFailure(
  error: unknown,
  options: { readonly json: boolean; readonly debug: boolean },
): { readonly text: string; readonly exitCode: number } {
  const failure = toFailure(error);
  const stack = options.debug ? failure.stack : undefined;
  const exitCode = WRONG_VALUES.has(failure.code) ? EXIT.usage : EXIT.failed;
  if (options.json) {
    const { code, message, facts, hint } = failure;
    return { text: `${maskPasswords(jsonText({ error: { code, message, ...facts, hint, stack } }))}\n`, exitCode };
  }
  const lines = [`error: ${failure.message}`, failure.hint, stack].filter((line) => line !== undefined);
  return { text: `${escapeLines(maskPasswords(lines.join('\n')))}\n`, exitCode };
}

function toFailure(error: unknown): Failure {
  if (error instanceof CommanderError) return usageFailure(error);
  if (!(error instanceof Error)) return unexpected(String(error), undefined);
  if (isOfFiles(error)) return fileFailure(error);
  if (!isExpected(error)) return unexpected(error.message, stackOf(error));
  const { code, message } = error;
  return { code, message, facts: factsOf(error), hint: undefined, stack: stackOf(error) };
}

function isOfFiles(error: Error): error is Error & { readonly code: string } {
  if (!('code' in error) || typeof error.code !== 'string') return false;
  return 'syscall' in error && typeof error.syscall === 'string' && FILE_CALLS.has(error.syscall);
}

/** `ENOENT`, `EACCES`, `ENOSPC`: the system says what is wrong, and of which path. */
function fileFailure(error: Error & { readonly code: string }): Failure {
  const { code, message } = error;
  const hint = 'Check the path, its rights, and the room on its disk.';
  return { code, message: `${message}.`, facts: {}, hint, stack: stackOf(error) };
}

/** By class, or by shape: the config file may come with a mink of its own, whose classes are not ours. */
function isExpected(error: Error): error is Error & { readonly code: string } {
  if (error instanceof MinkError || error instanceof MinkDevError) return true;
  return 'code' in error && typeof error.code === 'string' && 'docs' in error;
}

/** The fields of an error beyond those that every error has. */
function factsOf(error: Error): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(error).filter(([name]) => !COMMON_FIELDS.has(name)));
}

function usageFailure(error: CommanderError): Failure {
  const missing = error.code === 'commander.help';
  return {
    code: 'USAGE',
    message: missing ? 'A command is missing.' : error.message.replace(/^error: /u, ''),
    facts: {},
    hint: 'Run it with --help for its usage.',
    stack: undefined,
  };
}

function unexpected(message: string, stack: string | undefined): Failure {
  return {
    code: 'UNEXPECTED',
    message: `Unexpected: ${message}`,
    facts: {},
    hint: 'This should not happen. Set MINK_DEBUG=1 for the stack trace.',
    stack,
  };
}

/** With the stacks of the causes. */
function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
