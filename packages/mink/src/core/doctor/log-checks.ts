import { counted } from '../counted.ts';
import type { BrokenShape } from '../schema/check-shapes.ts';
import { given, listed, type Check } from './check.ts';
import { failed, ok, unknown, warning } from './finding.ts';

const NO_EVENTS = 'Nothing is known here of the events: the store has no categories.';
const GIVE_STORE = 'export "store", with its categories, and "deciders" from mink.config.ts';

function isUnknownType({ error }: BrokenShape): boolean {
  return error instanceof Error && 'code' in error && error.code === 'UNKNOWN_EVENT_TYPE';
}

function nameOf({ category, type, schemaVersion }: BrokenShape): string {
  return `${category} ${type} version ${schemaVersion}`;
}

/** Whether the code of now can read what is in the log, and in time. */
export const LOG_CHECKS: readonly Check[] = [
  {
    id: 'events-registered',
    title: 'All events are registered with the store',
    line: 'events-registered',
    examine: ({ shapes }) =>
      given(shapes, (checked) => {
        if (checked === undefined) return unknown(NO_EVENTS, GIVE_STORE);
        const types = [...new Set([...checked.broken, ...checked.suspected].filter(isUnknownType).map(nameOf))];
        if (types.length > 0) {
          return failed(
            `Unknown to the store, and in the log: ${listed(types)}.`,
            'defineEvents({ … }) with these types',
          );
        }
        return checked.elsewhere === 0
          ? ok(`All ${checked.shapes} recorded shapes are of types that the store knows.`)
          : warning(
              `${checked.elsewhere} recorded shapes are of categories that this store does not define.`,
              'add them to the categories of the store, if it is to read them: mink schema shapes',
            );
      }),
  },
  {
    id: 'shapes',
    title: 'The code of now can read all that was ever stored',
    examine: ({ shapes }) =>
      given(shapes, (checked) => {
        if (checked === undefined) return unknown(NO_EVENTS, GIVE_STORE);
        const broken = checked.broken.filter((it) => !isUnknownType(it)).map(nameOf);
        if (broken.length > 0)
          return failed(`It cannot read ${listed(broken)}.`, 'mink schema check; then add an upcaster');
        const suspected = checked.suspected.filter((it) => !isUnknownType(it)).map(nameOf);
        return suspected.length === 0
          ? ok(`It reads ${counted(checked.shapes, 'shape')}, and folds ${counted(checked.streams, 'stream')}.`)
          : warning(`It may not read ${listed(suspected)}: made-up values break it.`, 'mink schema check');
      }),
  },
  {
    id: 'snapshots',
    title: 'Long streams have snapshots',
    line: 'snapshots',
    runbook: 'snapshot-recreation',
    examine: ({ longStreams }, { snapshotLag }) =>
      given(longStreams, (streams) => {
        const due = streams.filter(({ stream, snapshotVersion }) => stream.version - snapshotVersion > snapshotLag);
        if (due.length === 0) return ok(`No stream has more than ${snapshotLag} events since its last snapshot.`);
        const names = due.map(
          ({ stream, snapshotVersion }) => `${stream.streamName} (${stream.version - snapshotVersion})`,
        );
        const seen = `Events since the last snapshot: ${listed(names)}.`;
        const category = due[0]?.stream.category ?? '';
        if (due.some(({ hasSnapshots }) => hasSnapshots === false)) {
          return failed(seen, `defineDecider({ category: '${category}', snapshots: { schemaVersion: 1 }, … })`);
        }
        return due.some(({ hasSnapshots }) => hasSnapshots === true)
          ? failed(seen, `mink snapshots run --category ${category}`)
          : unknown(`${seen} Whether anybody loads these is not known here.`, GIVE_STORE);
      }),
  },
];
