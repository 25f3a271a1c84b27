import type { Writable } from 'node:stream';
import { OutputFailedError } from './errors.ts';

/** The reader of the output went away, as `head` does when it has seen enough: a reason to stop, not an error. */
export class OutputClosedError extends Error {}

const READER_GONE = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

/** A stream that is written to step by step: a slow reader slows the writer down, and at the end all is written. */
export class Output {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
    // Every failure comes to the callback of a write, too; without a listener it would end the process.
    stream.on('error', () => undefined);
  }

  /** Resolves when the text has left this process. Throws {@link OutputClosedError} when nobody reads it any more. */
  write(text: string): Promise<void> {
    if (text === '') return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#stream.write(text, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(asOutputError(error));
      });
    });
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }
}

function asOutputError(error: Error): Error {
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' && READER_GONE.has(code) ? new OutputClosedError() : new OutputFailedError(error);
}
