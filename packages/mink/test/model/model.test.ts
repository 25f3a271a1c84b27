import { deepStrictEqual } from 'node:assert';
import { assert as check, asyncModelRun, asyncProperty } from 'fast-check';
import { describe, inject, test } from 'vitest';
import { describePostgres } from '../support/databases.ts';
import { commandSequences } from './commands.ts';
import { modelSettings, reportRun } from './settings.ts';
import type { World } from './step.ts';
import { memoryKind, postgresKind, Subject, type SubjectKind } from './subject.ts';

const { seed, long } = modelSettings();
/** What appends must have come to, or the commands prove too little. */
const ENDINGS = [
  'appended',
  'repeated',
  'CONCURRENCY_CONFLICT',
  'IDEMPOTENCY_MISMATCH',
  'known',
  'known, another fingerprint',
  'expired',
  'kept a result: value',
  'kept a result: refused',
  'kept no result: there was one',
  'taken',
  'claimed a value',
  'gave up a value',
  'took over a value',
];
const COMMANDS_A_RUN = long === undefined ? 100 : 400;

/** Runs sequences of commands until `target` of them were executed, each sequence on new stores. */
async function runUntil(
  { target, from }: { readonly target: number; readonly from: number },
  kinds: () => Promise<readonly SubjectKind[]>,
): Promise<void> {
  const total = { executed: 0, failures: 1 };
  const tally = new Map<string, number>();
  try {
    const isMissing = (ending: string): boolean => !tally.has(ending);
    // A short run that has not seen everything goes on for a while.
    const isEnough = (): boolean => total.executed >= (ENDINGS.some(isMissing) ? 5 * target : target);
    for (let round = 0; !isEnough(); round += 1) {
      const property = asyncProperty(commandSequences(COMMANDS_A_RUN), async (commands) => {
        const subjects = (await kinds()).map((kind) => new Subject(kind));
        const world: World = { subjects, sent: [], sentGuarded: [], executed: 0 };
        try {
          for (const { store } of subjects) await store.readBound();
          await asyncModelRun(() => ({ model: {}, real: world }), commands);
          await Promise.all(subjects.map((subject) => subject.checkAll()));
          const [first, ...others] = subjects;
          for (const { model, guards } of others) {
            deepStrictEqual(model.shape(), first?.model.shape());
            deepStrictEqual(guards.shape(), first?.guards.shape());
          }
        } finally {
          total.executed += world.executed;
          await Promise.all(subjects.map((subject) => subject.end()));
          for (const [ending, count] of subjects[0]?.tally ?? []) tally.set(ending, (tally.get(ending) ?? 0) + count);
        }
      });
      await check(property, { seed: from + round, numRuns: 4, endOnFailure: false, interruptAfterTimeLimit: 600_000 });
    }
    deepStrictEqual(ENDINGS.filter(isMissing), [], 'nothing ended like that: these commands prove too little');
    total.failures = 0;
  } finally {
    console.log(`model: SEED=${seed}, ${total.executed} commands, appends ended as`, Object.fromEntries(tally));
    reportRun(total);
  }
}

describe.runIf(long === undefined)('model', () => {
  const target = 4_000;
  test(`the memory store answers ${target} commands like the model: SEED=${seed}`, async () => {
    await runUntil({ target, from: seed }, async () => [memoryKind()]);
  });
});

const servers = inject('servers').filter(({ url }) => url !== undefined).length;

let serversSeen = 0;

describePostgres('model', (databases) => {
  // Each server gets commands of its own.
  const own = seed + 1_000_003 * serversSeen;
  serversSeen += 1;
  const target = long === undefined ? 300 : Math.ceil(long / servers);
  test(
    `the stores in memory and on PostgreSQL answer ${target} commands like the model: SEED=${seed}`,
    { timeout: long === undefined ? 120_000 : 3_600_000 },
    async () => {
      const url = await databases.createEmpty();
      await runUntil({ target, from: own }, async () => [memoryKind(), postgresKind(url)]);
    },
  );
});
