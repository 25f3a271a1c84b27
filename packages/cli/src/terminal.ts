import { emitKeypressEvents } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';

/** How large a terminal is, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A key, by its name: `q`, `left`. */
export interface Key {
  readonly name: string;
  readonly ctrl: boolean;
}

/** A terminal that somebody sits at. */
export interface Terminal {
  size(): TerminalSize;
  /** Tells of each key, unseen by the terminal itself, and of each change of the size, until the signal is aborted. */
  listen(listeners: { readonly onKey: (key: Key) => void; readonly onResize: () => void }, signal: AbortSignal): void;
}

/** That of a process; undefined where its output or its input is none. */
export function terminalOf({
  stdin,
  stdout,
}: {
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
}): Terminal | undefined {
  if (!stdin.isTTY || !stdout.isTTY) return undefined;
  return {
    size: () => ({ columns: stdout.columns, rows: stdout.rows }),
    listen: ({ onKey, onResize }, signal) => {
      const press = (_text: string | undefined, { name, ctrl }: { name?: string; ctrl?: boolean }): void =>
        onKey({ name: name ?? '', ctrl: ctrl === true });
      emitKeypressEvents(stdin);
      stdin.setRawMode(true);
      stdin.on('keypress', press);
      stdin.resume();
      stdout.on('resize', onResize);
      signal.addEventListener('abort', () => {
        stdin.off('keypress', press);
        stdin.setRawMode(false);
        stdin.pause();
        stdout.off('resize', onResize);
      });
    },
  };
}
