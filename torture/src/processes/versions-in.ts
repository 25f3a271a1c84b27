import { isTallyName, type TallyVersion } from '../projections/tally-projections.ts';
import { numberIn, recordsIn, type JsonRecord } from './json.ts';

/** The versions that a process is to have the code of. */
export function versionsIn(record: JsonRecord, name: string): readonly TallyVersion[] {
  return recordsIn(record, name).map((item) => {
    const { name: projection } = item;
    if (!isTallyName(projection)) throw new Error(`there is no projection ${String(projection)}`);
    return { name: projection, version: numberIn(item, 'version') };
  });
}
