import type { Random } from '../random.ts';

/** The streams of a round, and the last version of each that some writer has heard of: it may be out of date. */
export class Streams {
  readonly #versions = new Map<string, number>();
  #made = 0;

  /** The version to expect if nothing has happened since. */
  versionOf(streamName: string): number {
    return this.#versions.get(streamName) ?? 0;
  }

  learn(streamName: string, version: number): void {
    this.#versions.set(streamName, Math.max(version, this.versionOf(streamName)));
  }

  /** Hot ones that everybody writes to, some that come again, and new ones. */
  pick(random: Random, writer: string): string {
    const kind = random.float();
    if (kind < 0.25) return `Hot-${random.int(1, 5)}`;
    if (kind < 0.75) return `Warm-${random.int(1, 100)}`;
    this.#made += 1;
    // Names with what SQL, arrays and JSON quote, and with characters of several bytes.
    return `${random.pick(['Cold', 'Größe', 'Cold-it\'s "{a,b}" \\', 'Cold-🜁'])}-${writer}-${this.#made}`;
  }

  /** One that somebody has written to, as far as known. */
  pickExisting(random: Random): string | undefined {
    const names = [...this.#versions.keys()];
    return names.length === 0 ? undefined : names[random.int(0, names.length - 1)];
  }
}
