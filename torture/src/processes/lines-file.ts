import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** Lines that survive the process that writes them: each is with the operating system when `write` returns. */
export class LinesWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(line: string): void {
    writeSync(this.#file, `${line}\n`);
  }

  /** On the disk, too. */
  flush(): void {
    fsyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The lines that were added to a file since the last look; a line that is not finished waits for the next one. */
export class LinesReader {
  readonly #path: string;
  #offset = 0;
  #rest = Buffer.alloc(0);
  #reading: Promise<readonly string[]> = Promise.resolve([]);

  constructor(path: string) {
    this.#path = path;
  }

  /** Looks one after the other, whoever asks. */
  read(): Promise<readonly string[]> {
    this.#reading = this.#reading.then(() => this.#readOn());
    return this.#reading;
  }

  /** A line that was cut off stays cut off when its writer is dead: the next writer begins a line of its own. */
  async #readOn(): Promise<readonly string[]> {
    const added = await readFrom(this.#path, this.#offset);
    this.#offset += added.length;
    const text = Buffer.concat([this.#rest, added]);
    const end = text.lastIndexOf('\n');
    this.#rest = text.subarray(end + 1);
    return end === -1 ? [] : text.subarray(0, end).toString('utf8').split('\n');
  }
}

async function readFrom(path: string, offset: number): Promise<Buffer> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch {
    // Its writer has not begun yet.
    return Buffer.alloc(0);
  }
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.max(0, size - offset));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
