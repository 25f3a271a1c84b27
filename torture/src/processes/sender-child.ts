import { join } from 'node:path';
import { toAnswer, type CommandAnswer, type PlannedCommand } from '../commands/answers.ts';
import { Child } from './child.ts';
import { numberIn, parseRecord, textIn } from './json.ts';
import { LinesReader } from './lines-file.ts';

export interface SenderChildOptions {
  readonly name: string;
  readonly url: string;
  /** For its journals and what it prints. */
  readonly directory: string;
  /** What gives a command one effect: the library, or the control. */
  readonly layers: 'library' | 'naive';
}

/** A command on its way through a process. */
export interface Sending {
  readonly command: PlannedCommand;
  /** A last word had been said when it was sent. */
  readonly isRepeat: boolean;
}

/** A process that dispatches what it is told, and is started anew whenever it was killed. */
export class SenderChild {
  readonly #options: SenderChildOptions;
  readonly #onAnswer: (sending: Sending, answer: CommandAnswer) => void;
  readonly #onUnexpected: (message: string) => void;
  readonly #sent = new Map<number, Sending>();
  #child: Child;
  #lines: LinesReader;
  #life = 0;
  #attempts = 0;

  constructor(
    options: SenderChildOptions,
    told: {
      readonly onAnswer: (sending: Sending, answer: CommandAnswer) => void;
      readonly onUnexpected: (message: string) => void;
    },
  ) {
    this.#options = options;
    this.#onAnswer = told.onAnswer;
    this.#onUnexpected = told.onUnexpected;
    [this.#child, this.#lines] = this.#start();
  }

  get child(): Child {
    return this.#child;
  }

  /** How many commands it has not answered. */
  get underWay(): number {
    return this.#sent.size;
  }

  send(sending: Sending): void {
    this.#attempts += 1;
    this.#sent.set(this.#attempts, sending);
    this.#child.tell(JSON.stringify({ attempt: this.#attempts, ...sending.command }));
  }

  /** Takes the answers that were written since the last look. */
  async refresh(): Promise<void> {
    for (const line of await this.#lines.read()) {
      const record = parseRecord(line);
      if (record === undefined) continue;
      if (textIn(record, 'line') === 'unexpected') {
        this.#onUnexpected(textIn(record, 'message'));
        continue;
      }
      const attempt = numberIn(record, 'attempt');
      const sending = this.#sent.get(attempt);
      this.#sent.delete(attempt);
      if (sending !== undefined) this.#onAnswer(sending, toAnswer(record));
    }
  }

  /** Kills it, and gives back what it had not answered. */
  async restart(): Promise<readonly Sending[]> {
    await this.#child.kill();
    await this.refresh();
    const unanswered = [...this.#sent.values()];
    this.#sent.clear();
    [this.#child, this.#lines] = this.#start();
    return unanswered;
  }

  #start(): [Child, LinesReader] {
    const { name, url, directory, layers } = this.#options;
    this.#life += 1;
    const life = `${name}.${this.#life}`;
    const journal = join(directory, `${life}.answers`);
    const child = new Child('sender', { url, journal, layers }, join(directory, `${life}.errors`));
    return [child, new LinesReader(journal)];
  }
}
