import { Writable } from 'node:stream';
import type { Terminal } from '../../src/terminal.ts';
import { run } from '../../src/program.ts';
import { until } from './until.ts';

/** A stream that keeps what is written to it. */
class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    // As a slow terminal would: later, so that whoever does not wait loses text.
    setImmediate(done);
  }
}

/** A stream whose reader goes away after so many writes. */
export class BrokenPipe extends Writable {
  writes = 0;
  readonly #code: string;
  readonly #good: number;

  constructor(options: { readonly code: string; readonly good: number }) {
    super();
    this.#code = options.code;
    this.#good = options.good;
  }

  override _write(_chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.writes += 1;
    done(this.writes > this.#good ? Object.assign(new Error(`write ${this.#code}`), { code: this.#code }) : undefined);
  }
}

export interface RunOptions {
  readonly url?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdout?: Writable;
  /** What the person at the terminal answers to questions; undefined: nobody is there. By default they agree. */
  readonly answer?: string | undefined;
  readonly terminal?: Terminal;
}

export interface Result {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What was asked at the terminal; undefined where nothing was. */
  readonly questions?: readonly string[] | undefined;
}

/** A command line that runs in this process. */
export function startMink(args: readonly string[], options: RunOptions = {}) {
  const stdout = new Collector();
  const stderr = new Collector();
  const interrupt = new AbortController();
  const { url, env, cwd = '/' } = options;
  const answer = 'answer' in options ? options.answer : 'y';
  const questions: string[] = [];
  const done = run(args, {
    stdout: options.stdout ?? stdout,
    stderr,
    env: { ...(url === undefined ? {} : { DATABASE_URL: url }), ...env },
    cwd,
    terminal: options.terminal,
    signal: interrupt.signal,
    ask:
      answer === undefined
        ? undefined
        : async (question) => {
            questions.push(question);
            return answer;
          },
  }).then((exitCode): Result => ({
    exitCode,
    stdout: stdout.text,
    stderr: stderr.text,
    questions: questions.length === 0 ? undefined : questions,
  }));
  return {
    done,
    stdout: () => stdout.text,
    interrupt: () => interrupt.abort(),
    untilPrinted: (text: string) => until(`it prints ${text}`, () => stdout.text.includes(text)),
  };
}

/** The same, when it has ended. */
export function runMink(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return startMink(args, options).done;
}

/** Appends for as long as a follower runs: it does not say when it has begun to listen. */
export async function appendUntilEnded(done: Promise<unknown>, append: (n: number) => Promise<unknown>): Promise<void> {
  const ending = new AbortController();
  void done.finally(() => ending.abort());
  for (let n = 0; !ending.signal.aborted; n += 1) await append(n);
}

/** The values of a text with one JSON document per line. */
// oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of it says what it is
export function jsonLines(text: string): any[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
