import {
  AppendOutcomeUnknownError,
  DatabaseError,
  onAbort,
  OverloadedError,
  StoreClosedError,
  tellObserver,
  type AnySignal,
  type AppendCommand,
  type ExpectedVersion,
  type Observer,
} from '../core/index.ts';
import { ConnectionLostError } from './connection.ts';
import type { AppendAnswer, EncodedCommand } from './queries/encode-command.ts';

/** How the pump works. */
export interface AppendPumpSettings {
  /** Sends commands in one call. `lockTimeout` in milliseconds; 0 waits as long as the server's own setting allows. */
  readonly send: (commands: readonly EncodedCommand[], lockTimeout: number) => Promise<readonly AppendAnswer[]>;
  /** Calls under way at once, beside the slow lane. */
  readonly lanes: number;
  /** Most commands in a call. */
  readonly maxCommands: number;
  /** Commands that wait for a lock of somebody else at once, each on a connection of its own. */
  readonly slowLanes: number;
  /** Most commands that wait, in the queue and for the slow lane; above it, an append is refused. */
  readonly maxQueued: number;
  /** Milliseconds a call may wait for a row lock before its commands are sent apart. */
  readonly lockTimeout: number;
  /** Milliseconds from its append on until a command gives up a row lock that others hold. */
  readonly slowLockTimeout: number;
  readonly observer?: Observer | undefined;
}

const MAX_BYTES = 1_048_576;
const LOCK_NOT_AVAILABLE = '55P03';
/** Serialization failure and deadlock: the call was rolled back, and may well succeed the next time. */
const PASSING = new Set(['40001', '40P01']);
const MAX_TRIES = 5;
/** Milliseconds to wait for a lock that was waited for already, when looking for the commands that wait for it. */
const LEAST_LOCK_TIMEOUT = 5;
/** Milliseconds of a turn in the slow lane: streams that are held long must not keep out those that are free again. */
const SLOW_TURN = 500;

/** A command on its way. */
interface Pending {
  readonly encoded: EncodedCommand;
  /** Whether its rows count as busy. */
  isBusyWithRows: boolean;
  /** When it gives up a lock that others hold, by `performance.now()`. */
  readonly deadline: number;
  readonly resolve: (answer: AppendAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit. While a call is in flight, further appends queue up; when it returns, everything that may travel together
 * goes out as the next one, with one commit for all. At low load a batch is one command, and nothing waits.
 *
 * - A command is answered for itself: a conflict fails nobody else.
 * - Two commands that share a stream never travel together or at the same time, and go in the order they came. One that
 *   expects a version its stream is known to have passed is refused without being sent: versions never fall.
 * - An SQL error means that the call was rolled back: its commands are sent again in halves, until the one that causes it
 *   fails alone. A command that waits for somebody's lock moves to a slow lane, where it holds up nobody.
 * - When the connection breaks, each command of the call gets `AppendOutcomeUnknownError` with its own ids.
 */
export class AppendPump {
  readonly #settings: AppendPumpSettings;
  #queue: Pending[] = [];
  /** Streams of the commands that are being sent, or wait in the slow lane. */
  readonly #busy = new Set<string>();
  /** Rows of inline projections, and how many commands under way are about each. */
  readonly #busyRows = new Map<string, number>();
  readonly #waitingSlow: Pending[] = [];
  /** A command waits for another one of its stream. */
  #isContended = false;
  #calls = 0;
  /** Commands of the calls under way. */
  #underWay = 0;
  #slowCalls = 0;
  #scheduled = false;
  #closed = false;

  constructor(settings: AppendPumpSettings) {
    this.#settings = settings;
  }

  /** Queues a command. Aborting the signal takes it out again, while it waits to be sent. */
  append(encoded: EncodedCommand, signal: AnySignal | undefined): Promise<AppendAnswer> {
    const { maxQueued, slowLockTimeout } = this.#settings;
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new StoreClosedError());
        return;
      }
      if (this.#queue.length + this.#waitingSlow.length >= maxQueued) {
        reject(new OverloadedError(maxQueued));
        return;
      }
      const pending: Pending = {
        encoded,
        isBusyWithRows: false,
        deadline: performance.now() + slowLockTimeout,
        resolve,
        reject,
      };
      this.#queue.push(signal === undefined ? pending : this.#abortable(pending, signal));
      this.#schedule();
    });
  }

  /** Refuses what was not sent, or would have to be sent again; a call that is under way comes to its end. */
  close(): void {
    this.#closed = true;
    for (const pending of [...this.#queue, ...this.#waitingSlow]) pending.reject(new StoreClosedError());
    this.#queue = [];
    this.#waitingSlow.length = 0;
  }

  #abortable({ resolve, reject, ...rest }: Pending, signal: AnySignal): Pending {
    const forget = onAbort(signal, () => {
      if (!this.#takeOut(pending)) return;
      pending.reject(signal.reason);
      // What waited behind it may go.
      this.#schedule();
    });
    const pending: Pending = {
      ...rest,
      resolve: (answer) => {
        forget();
        resolve(answer);
      },
      reject: (error) => {
        forget();
        reject(error);
      },
    };
    return pending;
  }

  /** False for a command that is being sent: it cannot be taken back. */
  #takeOut(pending: Pending): boolean {
    if (remove(this.#queue, pending)) return true;
    if (!remove(this.#waitingSlow, pending)) return false;
    // It was sent, and rolled back.
    this.#release(pending);
    return true;
  }

  /** After everything that is ready to run has run: appends that were made together travel together. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      while (this.#calls < this.#settings.lanes) {
        const batch = this.#nextBatch();
        if (batch.length === 0) return;
        this.#calls += 1;
        this.#underWay += batch.length;
        tellObserver(this.#settings.observer, 'batched', { appends: batch.length });
        void this.#run(batch);
      }
    });
  }

  async #run(batch: readonly Pending[]): Promise<void> {
    await this.#deliver(batch, this.#settings.lockTimeout);
    this.#calls -= 1;
    this.#underWay -= batch.length;
    if (this.#queue.length > 0) this.#schedule();
  }

  /** The first commands of the queue that may travel together; what is passed over keeps its streams from later ones. */
  #nextBatch(): readonly Pending[] {
    if (this.#queue.length === 0) return [];
    const batch: Pending[] = [];
    const left: Pending[] = [];
    const passedOver = new Set<string>();
    const most = this.#share();
    let bytes = 0;
    let first: EncodedCommand | undefined;
    for (const [index, pending] of this.#queue.entries()) {
      const { names, size } = pending.encoded;
      const isFull = batch.length >= most || (batch.length > 0 && bytes + size > MAX_BYTES);
      if (isFull) {
        left.push(...this.#queue.slice(index));
        break;
      }
      const isOther = first !== undefined && !travelTogether(first, pending.encoded);
      if (isOther || this.#isBusy(pending) || names.some((name) => passedOver.has(name))) {
        for (const name of names) passedOver.add(name);
        if (!isOther) this.#isContended = true;
        left.push(pending);
        continue;
      }
      for (const name of names) this.#busy.add(name);
      first ??= pending.encoded;
      bytes += size;
      batch.push(pending);
    }
    this.#queue = left;
    for (const pending of batch) this.#useRows(pending, true);
    return batch;
  }

  /** A call would wait on the server, for a stream, or for a row that another call is about. */
  #isBusy({ encoded }: Pending): boolean {
    return (
      encoded.names.some((name) => this.#busy.has(name)) || encoded.locks.some(({ name }) => this.#busyRows.has(name))
    );
  }

  #useRows(pending: Pending, isBusy: boolean): void {
    if (pending.isBusyWithRows === isBusy) return;
    pending.isBusyWithRows = isBusy;
    for (const { name } of pending.encoded.locks) {
      const count = (this.#busyRows.get(name) ?? 0) + (isBusy ? 1 : -1);
      if (count === 0) this.#busyRows.delete(name);
      else this.#busyRows.set(name, count);
    }
  }

  /**
   * A fair part for each lane. Writers come back together when their call does: if one call took them all, the process would
   * wait for the server, then the server for the process.
   */
  #share(): number {
    const { lanes, maxCommands } = this.#settings;
    return Math.min(maxCommands, Math.ceil((this.#queue.length + this.#underWay) / lanes));
  }

  /** Sends a batch, and settles each of its commands. Never rejects. */
  async #deliver(batch: readonly Pending[], lockTimeout: number): Promise<void> {
    try {
      const answers = await this.#send(batch, lockTimeout);
      for (const [index, pending] of batch.entries()) this.#settle(pending, answers[index]);
      if (this.#isContended) this.#refuseStale(batch, answers);
    } catch (error) {
      const [only] = batch;
      if (!(error instanceof DatabaseError)) {
        for (const pending of batch) this.#fail(pending, error);
      } else if (batch.length > 1) {
        const middle = Math.ceil(batch.length / 2);
        const isHeld = error.sqlState === LOCK_NOT_AVAILABLE;
        const next = isHeld ? Math.max(LEAST_LOCK_TIMEOUT, Math.floor(lockTimeout / 2)) : lockTimeout;
        await this.#deliver(batch.slice(0, middle), next);
        await this.#deliver(batch.slice(middle), next);
      } else if (only !== undefined) {
        this.#failOrWait(only, error);
      }
    }
  }

  /** A call that only met others at a bad moment is made again, as it was. */
  async #send(batch: readonly Pending[], lockTimeout: number): Promise<readonly AppendAnswer[]> {
    const commands = batch.map(({ encoded }) => encoded);
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#settings.send(commands, lockTimeout);
      } catch (error) {
        const isPassing = error instanceof DatabaseError && PASSING.has(error.sqlState);
        if (!isPassing || tries === MAX_TRIES) throw error;
      }
    }
  }

  /** Moves a command that waits for somebody's lock to the slow lane, as long as it may wait. */
  #failOrWait(pending: Pending, error: unknown): void {
    const isHeld = error instanceof DatabaseError && error.sqlState === LOCK_NOT_AVAILABLE;
    if (!isHeld || performance.now() >= pending.deadline) {
      this.#fail(pending, error);
      return;
    }
    // It waits for its streams first, and holds up nobody who is about the same rows.
    this.#useRows(pending, false);
    this.#waitingSlow.push(pending);
    if (this.#slowCalls === this.#settings.slowLanes) return;
    this.#slowCalls += 1;
    void this.#runSlow();
  }

  async #runSlow(): Promise<void> {
    for (let next = this.#waitingSlow.shift(); next !== undefined; next = this.#waitingSlow.shift()) {
      const left = Math.ceil(next.deadline - performance.now());
      try {
        const [answer] = await this.#send([next], Math.min(SLOW_TURN, Math.max(LEAST_LOCK_TIMEOUT, left)));
        this.#settle(next, answer);
      } catch (error) {
        this.#failOrWait(next, error);
      }
      if (this.#queue.length > 0) this.#schedule();
    }
    this.#slowCalls -= 1;
  }

  /** Answers waiting commands whose streams have moved on with this batch: a call could only tell them the same. */
  #refuseStale(batch: readonly Pending[], answers: readonly AppendAnswer[]): void {
    this.#isContended = false;
    const versions = new Map(
      batch.map(({ encoded }, index) => [encoded.names[0], versionAfter(encoded, answers[index])]),
    );
    const left: Pending[] = [];
    for (const pending of this.#queue) {
      const { command, names, isSimple } = pending.encoded;
      const [entry] = command.entries;
      const version = isSimple ? versions.get(names[0]) : undefined;
      if (version === undefined || entry === undefined || !hasPassed(version, entry.expectedVersion))
        left.push(pending);
      else pending.resolve({ outcome: 'conflict', culprit: entry, versions: [version], positions: [], recordedAt: 0 });
    }
    this.#queue = left;
  }

  #settle(pending: Pending, answer: AppendAnswer | undefined): void {
    this.#release(pending);
    if (answer === undefined) pending.reject(new Error('the append function gave no answer for a command'));
    else pending.resolve(answer);
  }

  #fail(pending: Pending, error: unknown): void {
    this.#release(pending);
    pending.reject(error instanceof ConnectionLostError ? outcomeUnknown(pending.encoded.command, error.cause) : error);
  }

  #release(pending: Pending): void {
    for (const name of pending.encoded.names) this.#busy.delete(name);
    this.#useRows(pending, false);
  }
}

/** Simple commands travel among themselves: the short cut is for them alone. And all of a call apply the same inline projections. */
function travelTogether(left: EncodedCommand, right: EncodedCommand): boolean {
  return left.isSimple === right.isSimple && left.command.inline?.epoch === right.command.inline?.epoch;
}

/** The version that the stream of a simple command is known to have reached; undefined for any other. */
function versionAfter({ isSimple, texts }: EncodedCommand, answer: AppendAnswer | undefined): number | undefined {
  const before = answer?.versions[0];
  // To a closed stream, the answer is that.
  if (!isSimple || before === undefined || answer?.outcome === 'closed') return undefined;
  return answer?.outcome === 'appended' ? before + texts.length : before;
}

/** Whether a stream at this version can never again be at the expected one. */
function hasPassed(version: number, expected: ExpectedVersion): boolean {
  return expected === 'no_stream' ? version > 0 : typeof expected === 'number' && version > expected;
}

/** Whether the item was there. */
function remove<T>(items: T[], item: T): boolean {
  const index = items.indexOf(item);
  if (index !== -1) items.splice(index, 1);
  return index !== -1;
}

/** The error for a command that was sent, and whose answer was lost. */
export function outcomeUnknown({ entries }: AppendCommand, cause: unknown): AppendOutcomeUnknownError {
  return new AppendOutcomeUnknownError(
    entries.map(({ streamName }) => streamName),
    entries.flatMap(({ events }) => events.map(({ id }) => id)),
    cause,
  );
}
