import { SenderChild, type Sending } from '../processes/sender-child.ts';
import type { Random } from '../random.ts';
import { becomes, pause } from '../waiting.ts';
import type { CommandAnswer, CommandHistory, GivenAnswer, PlannedCommand } from './answers.ts';
import { Plans } from './plan-commands.ts';

export interface DispatcherOptions {
  readonly url: string;
  readonly directory: string;
  readonly layers: 'library' | 'naive';
  readonly random: Random;
  readonly processes: number;
}

/** Commands that a process has at a time. */
const UNDER_WAY = 4;
/** How often a new command is sent to two processes at once. */
const TWICE = 0.25;
/** How often one that was answered is sent again, now and later. */
const REPEATED = 0.1;

/**
 * Sends commands through processes, as people and queues do: whoever gets no answer sends the command again, with the same
 * id, through whichever process is there; some send it twice at once, some long after they were answered.
 */
export class Dispatcher {
  readonly #random: Random;
  readonly #plans: Plans;
  readonly #senders: readonly SenderChild[];
  readonly #commands = new Map<string, PlannedCommand & { readonly answers: GivenAnswer[] }>();
  /** To be sent again, the next one first. */
  readonly #again: PlannedCommand[] = [];
  readonly #unexpected: string[] = [];
  #isPlanning = true;
  #answers = 0;
  #unanswered = 0;

  constructor({ random, processes, ...options }: DispatcherOptions) {
    this.#random = random;
    this.#plans = new Plans(random.derive('plans'));
    this.#senders = Array.from({ length: processes }, (_, index) => {
      return new SenderChild(
        { ...options, name: `s${index + 1}` },
        {
          onAnswer: (sending, answer) => this.#take(sending, answer),
          onUnexpected: (message) => this.#unexpected.push(message),
        },
      );
    });
  }

  /** Every command with what its senders were told. */
  histories(): readonly CommandHistory[] {
    return [...this.#commands.values()];
  }

  unexpectedMessages(): readonly string[] {
    return this.#unexpected;
  }

  /** Answers so far. */
  get answers(): number {
    return this.#answers;
  }

  /** How often nobody was told what came of a command: its process was killed, or lost its connection. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Keeps every process busy until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const sender of this.#senders) {
        await sender.refresh();
        for (let next = this.#next(sender); next !== undefined; next = this.#next(sender)) this.#send(sender, next);
      }
      await pause(5, signal);
    }
  }

  /** Kills one of the processes, and starts it anew. What it has not answered goes to whoever is free. */
  async killOne(): Promise<void> {
    const sender = this.#senders[this.#random.int(0, this.#senders.length - 1)];
    for (const { command } of (await sender?.restart()) ?? []) {
      this.#unanswered += 1;
      this.#again.push(command);
    }
  }

  /** No new commands; true when every one of them has had its last word and nothing is under way. */
  async settle(timeout: number, signal: AbortSignal): Promise<boolean> {
    this.#isPlanning = false;
    return becomes(() => this.#isQuiet(), { timeout, interval: 20, signal });
  }

  /** Everything is asked for once more, when all is over: what was refused stays refused, what was done is not done again. */
  async repeatAll(timeout: number, signal: AbortSignal): Promise<boolean> {
    this.#again.push(...this.#random.shuffle([...this.#commands.values()]));
    return becomes(() => this.#isQuiet(), { timeout, interval: 20, signal });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#senders.map(({ child }) => child.stop()));
  }

  async kill(): Promise<void> {
    await Promise.all(this.#senders.map(({ child }) => child.kill()));
  }

  #isQuiet(): boolean {
    return this.#again.length === 0 && this.#senders.every(({ underWay }) => underWay === 0);
  }

  #next(sender: SenderChild): PlannedCommand | undefined {
    if (sender.underWay >= UNDER_WAY) return undefined;
    const again = this.#again.shift();
    if (again !== undefined || !this.#isPlanning) return again;
    const planned = this.#plans.next();
    this.#commands.set(planned.id, { ...planned, answers: [] });
    if (this.#random.chance(TWICE)) this.#again.push(planned);
    return planned;
  }

  #send(sender: SenderChild, { id, type, data }: PlannedCommand): void {
    const answers = this.#commands.get(id)?.answers ?? [];
    sender.send({ command: { id, type, data }, isRepeat: answers.some(isLast) });
  }

  #take({ command, isRepeat }: Sending, answer: CommandAnswer): void {
    this.#answers += 1;
    this.#commands.get(command.id)?.answers.push({ ...answer, isRepeat });
    if (answer.status === 'open') this.#unanswered += 1;
    const wantsAgain = answer.status === 'open' || (this.#isPlanning && this.#random.chance(REPEATED));
    if (!wantsAgain) return;
    // At once, or after some that are waiting.
    this.#again.splice(this.#random.int(0, this.#again.length), 0, command);
  }
}

/** Whatever comes after it must be the same. */
function isLast({ status }: CommandAnswer): boolean {
  return status === 'done' || status === 'refused';
}
