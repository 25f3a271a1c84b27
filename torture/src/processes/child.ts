import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { becomes } from '../waiting.ts';

/** The programs that are started as processes of their own, and killed. */
export type Program = 'writer' | 'reader' | 'holder' | 'sender' | 'projector' | 'builder' | 'service';

/** A process of ours: plain Node, from the built files. */
export class Child {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  #said = '';

  constructor(program: Program, config: unknown, errorFile: string) {
    const errors = openSync(errorFile, 'a');
    // In a session of its own: Ctrl-C in a terminal reaches only us, who then end it in order. It ends by itself when its
    // standard input is closed, as it is when we die.
    this.#process = spawn(process.execPath, [scriptOf(program), JSON.stringify(config)], {
      detached: true,
      stdio: ['pipe', 'pipe', errors],
    });
    closeSync(errors);
    this.#exited = once(this.#process, 'exit').catch(() => undefined);
    this.#process.stdin?.on('error', () => undefined);
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString('utf8');
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** How it ended, or undefined while it runs. */
  get end(): string | undefined {
    if (this.isRunning) return undefined;
    return this.#process.signalCode ?? `exit code ${this.#process.exitCode}`;
  }

  /** Whether it has printed this line; waits for it. */
  hasSaid(line: string, timeout: number): Promise<boolean> {
    return becomes(() => this.#said.includes(`${line}\n`), { timeout });
  }

  /** What it has printed, line by line; without one that is not finished. */
  get lines(): readonly string[] {
    return this.#said.split('\n').slice(0, -1);
  }

  /** Whether it has ended by itself; waits for it. */
  hasEnded(timeout: number): Promise<boolean> {
    return becomes(() => !this.isRunning, { timeout });
  }

  tell(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  /** In order: its work comes to an end. By force when that takes longer than 30 seconds. */
  async stop(): Promise<void> {
    this.#process.kill('SIGCONT');
    this.#process.stdin?.end();
    const ended = await becomes(() => !this.isRunning, { timeout: 30_000 });
    if (!ended) await this.kill();
  }
}

/** Beside this file when built; tests run the source, and the built programs all the same. */
function scriptOf(program: Program): string {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const built = basename(fileURLToPath(import.meta.url)).endsWith('.ts')
    ? here.replace(/src([\\/]processes)/u, 'dist$1')
    : here;
  return `${built}${program}-process.js`;
}
