import { counted } from '../counted.ts';
import { aliveOf, given, listed, spanText, type Check } from './check.ts';
import { failed, ok, unknown, warning } from './finding.ts';
import { redactSecrets } from '../observe/redact.ts';
import type { StoredProjection } from '../projections/projection-storage.ts';

const labelOf = ({ name, version }: Pick<StoredProjection, 'name' | 'version'>): string => `${name} version ${version}`;

/** With what keeps it, which may say what an event holds. */
function troubleOf(it: StoredProjection): string {
  return `${labelOf(it)} (${redactSecrets(it.error ?? 'no error')})`;
}

type Named = Pick<StoredProjection, 'name' | 'version'>;

/** Which version is meant, where a command would ask. */
function ofVersion({ name, version }: Named, all: readonly Named[]): string {
  return all.some((it) => it.name === name && it.version !== version) ? ` --of ${version}` : '';
}

function commandFor(verb: string, it: Named, all: readonly Named[]): string {
  return `mink projections ${verb} ${it.name}${ofVersion(it, all)}`;
}

/** Whether projections run, are right, and lose nothing. */
export const PROJECTION_CHECKS: readonly Check[] = [
  {
    id: 'projections',
    title: 'Projections run',
    runbook: 'projection-faulted',
    examine: ({ stored, statuses }) =>
      given(stored, (all) => {
        const faulted = all.filter(({ state }) => state === 'faulted');
        const [broken] = faulted;
        if (broken !== undefined)
          return failed(
            `Faulted: ${listed(faulted.map(troubleOf))}.`,
            `${commandFor('resume', broken, all)}, when its cause is mended`,
          );
        const behind = 'value' in statuses ? statuses.value.filter(({ state }) => state === 'stalled') : [];
        if (behind.length > 0)
          return failed(`Stalled: ${listed(behind.map(labelOf))}.`, 'mink projections status; mink feed');
        const retrying = all.filter(({ state }) => state === 'retrying');
        if (retrying.length > 0)
          return warning(
            `Tried again and again: ${listed(retrying.map(troubleOf))}.`,
            'mend its cause: it goes on then',
          );
        // What is read comes first: it must not stand still.
        const still = all
          .filter(({ state }) => state === 'paused' || state === 'stopped')
          .toSorted((one, other) => Number(other.isLive) - Number(one.isLive));
        const [first] = still;
        if (first !== undefined) {
          const start = 'start a process that runs it: createProjectionEngine';
          const retire = first.kind === 'projection' && !first.isLive ? `; or ${commandFor('retire', first, all)}` : '';
          return warning(
            `Not running: ${listed(still.map((it) => `${labelOf(it)} (${it.state})`))}.`,
            first.state === 'paused' ? commandFor('resume', first, all) : `${start}${retire}`,
          );
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
        // Of a version that is retired, the code may be there yet.
        const code = 'value' in statuses ? statuses.value.filter(({ state }) => state !== 'retired') : [];
        const running = aliveOf({ processes }).flatMap(({ projections }) => projections);
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
        const [bad] = wrong;
        if (bad !== undefined)
          return failed(`Not what the log says: ${listed(wrong.map(labelOf))}.`, commandFor('rebuild', bad, all));
        const old = own.filter(({ verifiedAt = 0 }) => now - verifiedAt > verifiedAge);
        const [first] = old;
        return first === undefined
          ? ok(own.length === 0 ? 'There are none.' : `All ${own.length} were, within ${spanText(verifiedAge)}.`)
          : warning(
              `Not within ${spanText(verifiedAge)}: ${listed(old.map(labelOf))}.`,
              commandFor('verify', first, all),
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
        const [first] = parked;
        if (first !== undefined) {
          const names = parked.map((it) => `${labelOf(it)} (${counted(it.parkedKeys, 'key')})`);
          return failed(
            `Events wait for: ${listed(names)}.`,
            `mink deadletters list; mink deadletters retry ${first.name} --all${ofVersion(first, all)}`,
          );
        }
        const rooms = settingsOf(aliveOf({ processes }), 'engine.maxParkedKeys');
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
