import { join } from 'node:path';
import type { Recorder } from '../history.ts';
import type { Random } from '../random.ts';
import { Child } from './child.ts';
import { JournalReader } from './journal.ts';

export interface WriterChildOptions {
  readonly name: string;
  readonly url: string;
  /** For its journal and what it prints. */
  readonly directory: string;
  readonly random: Random;
  readonly recorder: Recorder;
  /** Writers in the process. */
  readonly writers: number;
  /** Longest pause of a writer between two appends, in milliseconds. */
  readonly maxPause: number;
  /** Of its connections and locks, in milliseconds. */
  readonly timeout: number;
}

/** A writer process that is started anew, under another name, whenever it was killed. */
export class WriterChild {
  readonly #options: WriterChildOptions;
  readonly #journals: JournalReader[] = [];
  #child: Child;
  #life = 0;

  constructor(options: WriterChildOptions) {
    this.#options = options;
    this.#child = this.#start();
  }

  get child(): Child {
    return this.#child;
  }

  /** What the names of all attempts of the process that runs now begin with. */
  get life(): string {
    return `${this.#options.name}.${this.#life}.`;
  }

  async restart(): Promise<void> {
    await this.#child.kill();
    this.#child = this.#start();
  }

  async refresh(): Promise<void> {
    for (const journal of this.#journals) await journal.refresh();
  }

  #start(): Child {
    const { url, directory, random, recorder, writers, maxPause, timeout } = this.#options;
    this.#life += 1;
    const name = `${this.#options.name}.${this.#life}`;
    const journal = join(directory, `${name}.journal`);
    this.#journals.push(new JournalReader(journal, recorder));
    const { seed } = random.derive(name);
    const config = { name, url, seed, journal, writers, maxPause, timeout };
    return new Child('writer', config, join(directory, `${name}.errors`));
  }
}
