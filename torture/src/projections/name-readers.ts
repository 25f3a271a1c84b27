import { checkName, readUpTo } from '../check/check-name.ts';
import type { Finding } from '../check/finding.ts';
import { becomes } from '../waiting.ts';
import { readName } from './read-name.ts';
import { TALLY_NAMES, type TallyName } from './tally-projections.ts';

/** Whoever reads what the names stand for, again and again: it must be what the log says, and never go back. */
export class NameReaders {
  readonly #url: string;
  readonly #read = new Map<TallyName, ReadonlyMap<string, number>>();

  constructor(url: string) {
    this.#url = url;
  }

  async lookAtAll(): Promise<readonly Finding[]> {
    const findings: Finding[] = [];
    for (const name of TALLY_NAMES) findings.push(...(await this.look(name)));
    return findings;
  }

  async look(name: TallyName): Promise<readonly Finding[]> {
    let findings: readonly Finding[] = [];
    // The server may be away just now.
    await becomes(
      async () => {
        const snapshot = await readName(this.#url, name).catch(() => 'away' as const);
        if (snapshot === 'away') return false;
        if (snapshot === undefined) return true;
        findings = checkName(snapshot, this.#read.get(name) ?? new Map());
        this.#read.set(name, readUpTo(snapshot));
        return true;
      },
      { timeout: PATIENCE, interval: 50 },
    );
    return findings;
  }

  /** It was emptied: what it has said before, it need not say again. */
  forget(name: string): void {
    for (const known of TALLY_NAMES) if (known === name) this.#read.delete(known);
  }
}

const PATIENCE = 30_000;
