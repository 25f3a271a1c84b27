import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
  /** The last line of the output, if it is JSON. */
  readonly summary: Record<string, unknown>;
}

/** A run of the program, from the built files. */
export class Torture {
  readonly #process;
  readonly #ended: Promise<unknown[]>;
  #output = '';
  #errors = '';

  constructor(args: readonly string[]) {
    this.#process = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#ended = once(this.#process, 'close');
    this.#process.stdout.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    this.#process.stderr.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
  }

  get errors(): string {
    return this.#errors;
  }

  interrupt(): void {
    this.#process.kill('SIGINT');
  }

  async end(): Promise<Ended> {
    await this.#ended;
    const last = this.#output.trimEnd().split('\n').at(-1) ?? '';
    const summary = last.startsWith('{') ? (JSON.parse(last) as Record<string, unknown>) : {};
    return { code: this.#process.exitCode, output: this.#output, errors: this.#errors, summary };
  }
}

/** For the evidence of a run; it goes with the test. */
export async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'mink-torture-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
