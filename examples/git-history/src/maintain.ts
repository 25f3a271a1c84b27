import type { Maintenance } from './arguments.ts';
import { GitHistoryError } from './errors.ts';
import type { HistoryStore } from './events.ts';
import { rebuiltText, verifiedText } from './output/maintenance.ts';
import { peakMemory } from './output/summary.ts';
import { rebuild, type Rebuilt } from './read-models/rebuild.ts';
import { verify, type VerifiedReadModel } from './read-models/verify.ts';
import type { Surroundings } from './run.ts';

/** Rebuilds the read models, or proves that they are right, or first the one and then the other. */
export async function maintain(
  store: HistoryStore,
  { rebuilds, verifies }: Maintenance,
  surroundings: Surroundings,
): Promise<{ readonly text: string; readonly json: unknown; readonly failure: GitHistoryError | undefined }> {
  const rebuilt = rebuilds ? await rebuildAll(store, surroundings) : undefined;
  const verified = verifies ? await verifyAll(store, surroundings) : undefined;
  const peakMemoryMegabytes = peakMemory();
  const text = [
    ...(rebuilt === undefined ? [] : [rebuiltText(rebuilt, peakMemoryMegabytes)]),
    ...(verified === undefined ? [] : [verifiedText(verified)]),
  ];
  const json = { rebuilt: rebuilt?.readModels, verified, peakMemoryMegabytes };
  return { text: text.join('\n'), json, failure: failureOf(rebuilt, verified) };
}

async function rebuildAll(store: HistoryStore, { progress, signal }: Surroundings): Promise<Rebuilt> {
  return rebuild(store, {
    signal,
    onProgress: ({ name, events, left }) => {
      progress.show({ work: `Rebuilding ${name}:`, done: events, total: events + left, unit: 'events' });
    },
  }).finally(progress.stop);
}

async function verifyAll(
  store: HistoryStore,
  { progress, signal }: Surroundings,
): Promise<readonly VerifiedReadModel[]> {
  return verify(store, {
    signal,
    onProgress: (name, { position, upTo }) => {
      progress.show({ work: `Verifying ${name}:`, done: position, total: upTo, unit: 'positions' });
    },
  }).finally(progress.stop);
}

function failureOf(
  rebuilt: Rebuilt | undefined,
  verified: readonly VerifiedReadModel[] | undefined,
): GitHistoryError | undefined {
  const failed = rebuilt?.readModels.filter(({ error }) => error !== undefined).map(({ name }) => name) ?? [];
  const wrong = verified?.filter(({ ok }) => !ok).map(({ name }) => name) ?? [];
  if (failed.length > 0) return broken(`${failed.join(', ')} could not be rebuilt, and is as it was.`);
  if (wrong.length > 0) return broken(`Events are missing from ${wrong.join(', ')}, or were applied twice: --rebuild.`);
  return undefined;
}

function broken(message: string): GitHistoryError {
  return new GitHistoryError('READ_MODEL_BROKEN', message);
}
