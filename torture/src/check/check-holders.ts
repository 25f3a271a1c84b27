import type { ClaimRow, NamingEvent, SetName } from '../commands/read-holders.ts';
import type { Finding } from './finding.ts';

const SETS: readonly SetName[] = ['email', 'number'];

/** Whose values belong to a stream for all time. */
const FOREVER: SetName = 'number';

/**
 * Whether no value was ever held by two streams at the end of a commit, no value for all time went to another stream, and
 * the table says what folding the log says.
 */
export function checkHolders(namings: readonly NamingEvent[], claims: readonly ClaimRow[]): readonly Finding[] {
  return SETS.flatMap((set) => {
    const findings: Finding[] = [];
    const holders = new Map<string, string>();
    const owners = new Map<string, string>();
    for (const [index, { streamName, commitId, values }] of namings.entries()) {
      const value = values[set];
      if (value === null) holders.delete(streamName);
      if (typeof value === 'string') {
        holders.set(streamName, value);
        const owner = owners.get(value) ?? streamName;
        owners.set(value, owner);
        if (set === FOREVER && owner !== streamName) {
          findings.push({
            kind: 'holder',
            streamName,
            message: `got ${set} ${value}, which is ${owner}'s for all time`,
          });
        }
      }
      // Within a commit, a value may pass from one to the other.
      if (namings[index + 1]?.commitId !== commitId) findings.push(...checkOneHolder(set, holders, commitId));
    }
    return [...findings, ...checkTable(set, { claims, holders, owners })];
  });
}

function checkOneHolder(set: SetName, holders: ReadonlyMap<string, string>, commitId: number): readonly Finding[] {
  const seen = new Map<string, string>();
  const findings: Finding[] = [];
  for (const [streamName, value] of holders) {
    const other = seen.get(value);
    seen.set(value, streamName);
    if (other === undefined) continue;
    const message = `after commit ${commitId}, ${other} and ${streamName} both hold ${set} ${value}`;
    findings.push({ kind: 'holder', streamName, message });
  }
  return findings;
}

function checkTable(
  set: SetName,
  {
    claims,
    holders,
    owners,
  }: {
    readonly claims: readonly ClaimRow[];
    readonly holders: ReadonlyMap<string, string>;
    readonly owners: ReadonlyMap<string, string>;
  },
): readonly Finding[] {
  const held = [...holders].map(([streamName, value]) => `${value}: ${streamName}`);
  const kept = set === FOREVER ? [...owners].map(([value, streamName]) => `${value}: ${streamName}`) : [];
  const expected = new Map([...kept.map((row) => [row, false] as const), ...held.map((row) => [row, true] as const)]);
  const actual = new Map(
    claims
      .filter((claim) => claim.set === set)
      .map(({ value, streamName, isHeld }) => [`${value}: ${streamName}`, isHeld]),
  );
  return [...new Set([...expected.keys(), ...actual.keys()])]
    .filter((row) => expected.get(row) !== actual.get(row))
    .map((row): Finding => {
      const [said, told] = [actual.get(row), expected.get(row)].map(describe);
      return { kind: 'holder', message: `${set} ${row} is ${said} in the table, and ${told} by the events` };
    });
}

function describe(isHeld: boolean | undefined): string {
  if (isHeld === undefined) return 'unknown';
  return isHeld ? 'held' : 'given up';
}
