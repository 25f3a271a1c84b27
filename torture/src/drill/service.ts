import { join } from 'node:path';
import { Child } from '../processes/child.ts';
import type { Random } from '../random.ts';
import { becomes, pause } from '../waiting.ts';
import { Ledger, type LedgerEntry } from './ledger.ts';

/** Milliseconds, for a busy machine. */
const PATIENCE = 60_000;
const WRITERS = 4;

export interface ServiceOptions {
  /** The address that clients know. */
  readonly url: string;
  /** For the ledger and what the process prints. */
  readonly directory: string;
  readonly random: Random;
}

/** The service of a drill: a process that writes all the time, keeps a ledger, and says when something is wrong. */
export class Service {
  readonly #options: ServiceOptions;
  readonly #path: string;
  readonly #ledger: Ledger;
  #child: Child;
  #life = 0;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#path = join(options.directory, 'ledger');
    this.#ledger = new Ledger(this.#path);
    this.#child = this.#start();
  }

  /** What was acknowledged so far. */
  acknowledged(): Promise<readonly LedgerEntry[]> {
    return this.#ledger.entries();
  }

  /** Lets it write for so many milliseconds, and until so many appends were acknowledged. */
  async work(milliseconds: number, appends: number): Promise<void> {
    const before = (await this.acknowledged()).length;
    await pause(milliseconds);
    await this.#wait(`${appends} appends are acknowledged`, async () => {
      return (await this.acknowledged()).length >= before + appends;
    });
  }

  /** When it first said so at or after a time; waits for it. Milliseconds since 1970. */
  async said(what: 'failing' | 'working' | 'health unhealthy' | 'health healthy', from: number): Promise<number> {
    let at: number | undefined;
    await this.#wait(`it says "${what}"`, () => {
      at = this.#child.lines
        .filter((line) => line.startsWith(`${what} `))
        .map((line) => Number(line.slice(what.length + 1)))
        .find((time) => time >= from);
      return at !== undefined;
    });
    return at ?? Number.NaN;
  }

  /** No more new appends: those under way are answered. Its read model goes on. */
  async quiet(): Promise<void> {
    this.#child.tell('quiet');
    await this.#wait('it is quiet', () => this.#child.lines.some((line) => line.startsWith('quiet ')));
  }

  /** The process is killed, and starts anew, as after a deployment. */
  async restart(): Promise<void> {
    await this.#child.kill();
    this.#child = this.#start();
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }

  #start(): Child {
    const { url, directory, random } = this.#options;
    this.#life += 1;
    const config = { url, ledger: this.#path, seed: random.derive(`life-${this.#life}`).seed, writers: WRITERS };
    return new Child('service', config, join(directory, 'service.errors'));
  }

  async #wait(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const isSo = await becomes(condition, { timeout: PATIENCE });
    if (!isSo) throw new Error(`waited for ${PATIENCE} ms until ${what}; the service ${this.#child.end ?? 'runs'}`);
  }
}
