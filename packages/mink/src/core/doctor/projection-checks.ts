import { given, listed, spanText, type Check } from './check.ts';
import { failed, ok, unknown, warning } from './finding.ts';
import type { StoredProjection } from '../projections/projection-storage.ts';

const labelOf = ({ name, version }: Pick<StoredProjection, 'name' | 'version'>): string => `${name} version ${version}`;

/** Whether projections run, are right, and lose nothing. */
export const PROJECTION_CHECKS: readonly Check[] = [
  {
    id: 'projections',
    title: 'Projections run',
    runbook: 'projection-faulted',
    examine: ({ stored, statuses }) =>
      given(stored, (all) => {
        const faulted = all.filter(({ state }) => state === 'faulted');
        if (faulted.length > 0) {
          const names = faulted.map((it) => `${labelOf(it)} (${it.error ?? 'no error'})`);
          return failed(
            `Faulted: ${listed(names)}.`,
            `mink projections resume ${faulted[0]?.name}, when its cause is mended`,
          );
        }
        const behind = 'value' in statuses ? statuses.value.filter(({ state }) => state === 'stalled') : [];
        if (behind.length > 0)
          return failed(`Stalled: ${listed(behind.map(labelOf))}.`, 'mink projections status; mink feed');
        const still = all.filter(({ state }) => state === 'paused' || state === 'stopped' || state === 'retrying');
        if (still.length > 0) {
          const names = still.map((it) => `${labelOf(it)} (${it.state})`);
          const [first] = still;
          const mend =
            first?.state === 'paused'
              ? `mink projections resume ${first.name}`
              : `start a process that runs it: createProjectionEngine; or mink projections retire ${first?.name}`;
          return warning(`Not running: ${listed(names)}.`, mend);
        }
        return ok(all.length === 0 ? 'There are none.' : `${all.length} run.`);
      }),
  },
  {
    id: 'checkpoints',
    title: 'Projections keep their checkpoints in the database',
    line: 'checkpoints',
    examine: ({ stored, statuses, processes }) =>
      given(stored, (all) => {
        const known = new Set(all.map(labelOf));
        const code = 'value' in statuses ? statuses.value : [];
        const running = 'value' in processes ? processes.value.flatMap(({ projections }) => projections) : [];
        const missing = [...new Set([...code, ...running].map(labelOf))].filter((label) => !known.has(label));
        if (missing.length > 0)
          return failed(`Never started: ${listed(missing)}.`, 'await engine.start() in a process that has their code');
        return all.length === 0
          ? unknown(
              'No projection was ever started.',
              'createProjectionEngine(store, projections), if there are to be any',
            )
          : ok(`${all.length} keep theirs beside their rows, in one transaction.`);
      }),
  },
  {
    id: 'verification',
    title: 'Projections are verified',
    examine: ({ stored, now }, { verifiedAge }) =>
      given(stored, (all) => {
        const own = all.filter(({ kind, isLive }) => kind === 'projection' && isLive);
        const wrong = own.filter(({ isVerified }) => isVerified === false);
        if (wrong.length > 0)
          return failed(
            `Not what the log says: ${listed(wrong.map(labelOf))}.`,
            `mink projections rebuild ${wrong[0]?.name}`,
          );
        const old = own.filter(({ verifiedAt = 0 }) => now - verifiedAt > verifiedAge);
        return old.length === 0
          ? ok(own.length === 0 ? 'There are none.' : `All ${own.length} were, within ${spanText(verifiedAge)}.`)
          : warning(
              `Not within ${spanText(verifiedAge)}: ${listed(old.map(labelOf))}.`,
              `mink projections verify ${old[0]?.name}`,
            );
      }),
  },
  {
    id: 'dead-letters',
    title: 'Events that fail are kept, and looked at',
    line: 'dead-letters',
    runbook: 'dead-letters',
    examine: ({ stored, processes }) =>
      given(stored, (all) => {
        const parked = all.filter(({ parkedKeys }) => parkedKeys > 0);
        if (parked.length > 0) {
          const names = parked.map((it) => `${labelOf(it)} (${it.parkedKeys} keys)`);
          return failed(
            `Events wait for: ${listed(names)}.`,
            `mink deadletters list; mink deadletters retry ${parked[0]?.name} --all`,
          );
        }
        const rooms = 'value' in processes ? settingsOf(processes.value, 'engine.maxParkedKeys') : [];
        if (rooms.length === 0)
          return unknown('No process says whether it parks what fails.', 'createProcessReport(store, { engine, … })');
        return rooms.some((room) => room === 0)
          ? warning(
              'An engine parks nothing, and stands still at the first bad event.',
              'leave maxParkedKeys out, or above 0',
            )
          : ok('Engines park what fails, by key; nothing waits now.');
      }),
  },
];

function settingsOf(
  processes: readonly { readonly configuration: readonly { readonly name: string; readonly value: unknown }[] }[],
  wanted: string,
): readonly unknown[] {
  return processes.flatMap(({ configuration }) =>
    configuration.filter(({ name }) => name === wanted).map(({ value }) => value),
  );
}
