import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { interruptible } from '../interrupt.ts';
import type { Key, Terminal } from '../terminal.ts';
import type { Look } from './look.ts';
import { movementOf, type Movement } from './rates.ts';
import { COLUMNS, screenOf, WORST_FIRST, type Sorting } from './screen.ts';

/** A screen of its own, so that what was there is there again afterwards; without the cursor. */
const ENTER = '\u{1B}[?1049h\u{1B}[?25l';
const LEAVE = '\u{1B}[?25h\u{1B}[?1049l';
const HOME = '\u{1B}[H';
/** Whatever was in the rest of the line, or of the screen. Nothing is cleared before it is written over: it would flicker. */
const REST_OF_LINE = '\u{1B}[K';
const REST_OF_SCREEN = '\u{1B}[J';

/** What a live view works with. */
interface LiveOptions {
  readonly look: () => Promise<Look>;
  /** Milliseconds between two looks. */
  readonly interval: number;
}

/** Shows a store until somebody presses `q`. What cannot be looked at is said, and looked at again. */
export class LiveTop {
  readonly #context: Context;
  readonly #terminal: Terminal;
  readonly #options: LiveOptions;
  readonly #over = new AbortController();
  #sorting: Sorting = WORST_FIRST;
  #isPaused = false;
  #before: Look | undefined;
  #movement: Movement | undefined;
  #problem: string | undefined;
  #drawing: Promise<void> = Promise.resolve();

  constructor(context: Context, terminal: Terminal, options: LiveOptions) {
    this.#context = context;
    this.#terminal = terminal;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal } = this.#over;
    const stop = (): void => this.#over.abort();
    this.#context.signal.addEventListener('abort', stop, { signal });
    if (this.#context.signal.aborted) stop();
    await this.#context.stdout.write(ENTER);
    try {
      this.#terminal.listen({ onKey: (key) => this.#press(key), onResize: () => void this.#draw() }, signal);
      while (!signal.aborted) {
        if (!this.#isPaused) await this.#lookAgain();
        await this.#draw();
        await sleep(this.#options.interval, undefined, { signal }).catch(() => undefined);
      }
      await this.#drawing;
    } finally {
      stop();
      await this.#context.stdout.write(LEAVE);
    }
  }

  async #lookAgain(): Promise<void> {
    try {
      // A database that does not answer keeps nobody from leaving.
      const look = await interruptible(this.#options.look(), this.#over.signal);
      // The first time there is nothing to compare with.
      this.#movement = movementOf(this.#before ?? look, look);
      this.#before = look;
      this.#problem = undefined;
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
    }
  }

  #press({ name, ctrl }: Key): void {
    const { column, isFalling } = this.#sorting;
    const by = (step: number): Sorting => ({ column: (column + step + COLUMNS.length) % COLUMNS.length, isFalling });
    if (name === 'q' || (ctrl && name === 'c')) this.#over.abort();
    else if (name === 'p') this.#isPaused = !this.#isPaused;
    else if (name === 'left') this.#sorting = by(-1);
    else if (name === 'right') this.#sorting = by(1);
    else if (name === 'up') this.#sorting = { column, isFalling: false };
    else if (name === 'down') this.#sorting = { column, isFalling: true };
    else return;
    void this.#draw();
  }

  /** One write for all of it, and one after another. */
  #draw(): Promise<void> {
    this.#drawing = this.#drawing.then(() => this.#write()).catch(() => this.#over.abort());
    return this.#drawing;
  }

  async #write(): Promise<void> {
    if (this.#over.signal.aborted) return;
    const size = this.#terminal.size();
    const lines = this.#movement === undefined ? [this.#problem ?? 'looking …'] : this.#lines(this.#movement);
    const text = lines.slice(0, size.rows).map((line) => line + REST_OF_LINE);
    await this.#context.stdout.write(HOME + text.join('\r\n') + REST_OF_SCREEN);
  }

  #lines(movement: Movement): readonly string[] {
    const state = this.#isPaused ? 'paused' : `every ${this.#options.interval / 1_000} s`;
    const note = `${this.#problem === undefined ? state : `! ${this.#problem}`}  q quit  p pause  ←→↑↓ sort`;
    return screenOf(movement, { size: this.#terminal.size(), sorting: this.#sorting, note });
  }
}
