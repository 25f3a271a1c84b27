import { createInterface } from 'node:readline/promises';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Io } from './io.ts';

/** Asks whoever sits at the terminal; undefined where input or output is none, as nobody would see the question. */
export function askAtTerminal(input: ReadStream, output: WriteStream): Io['ask'] {
  if (!input.isTTY || !output.isTTY) return undefined;
  return async (question, signal) => {
    const reader = createInterface({ input, output });
    try {
      return await reader.question(question, { signal });
    } finally {
      reader.close();
    }
  };
}
