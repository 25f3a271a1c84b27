import { typed } from '../../core/index.ts';
import type { Session } from '../connection.ts';
import type { SchemaName } from '../schema-name.ts';
import { compareSealed, type SealFinding } from '../seals/compare-sealed.ts';
import type { SealedEntry } from '../seals/seal-chain.ts';
import { readBackup, type BackupEvent } from './backup-format.ts';
import { backupEventsQuery } from './backup-queries.ts';

/** More are not looked for. */
const ENOUGH = 20;

/** Events of the log that are not what a backup says, in the order of their positions; not those behind its end. */
export async function compareBackup(
  session: Session,
  schema: SchemaName,
  lines: AsyncIterable<string>,
): Promise<readonly SealFinding[]> {
  const findings: SealFinding[] = [];
  let [position, upTo, takenAt] = [0, 0, ''];
  const compare = async (sound: readonly string[], last: number): Promise<void> => {
    const range = { after: position, upTo: last, limit: sound.length + ENOUGH };
    const stored = await session.run(backupEventsQuery(schema, range));
    const events = stored.map(([, line]) => entryOf(line ?? ''));
    findings.push(...compareSealed(sound.map(entryOf), events, takenAt));
    position = last;
  };
  for await (const part of readBackup(lines)) {
    if (part.kind === 'header') ({ after: position, upTo, takenAt } = part.header);
    else if (part.kind === 'events') await compare(part.lines, entryOf(part.lines.at(-1) ?? '').position);
    else if (part.kind === 'end') await compare([], upTo);
    if (findings.length >= ENOUGH) break;
  }
  return findings;
}

/** The line itself says whether anything is different. */
function entryOf(line: string): SealedEntry {
  const [position, streamVersion, , , , streamName] = typed<BackupEvent>(JSON.parse(line));
  return { position, streamVersion, streamName, mark: line };
}
