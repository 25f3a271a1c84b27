import { describe, expect, test, vi } from 'vitest';
import { Random, seedOf } from '../support/random.ts';
import { SABOTAGES } from './sabotage.ts';
import { SimulatedWorld, type Sabotage } from './simulated-world.ts';

vi.mock('node:timers/promises', async () => ({ setTimeout: (await import('./virtual-time.ts')).sleep }));

/** Worlds of the short form, each of 400 steps; `SIMULATIONS=10000` makes it a long one. */
const WORLDS = Number(process.env['SIMULATIONS'] ?? 100);
const STEPS = 400;
/** So many of them show at least once what a sabotage makes possible. */
const SABOTAGED_WORLDS = 400;

/** What a world is disturbed by: a run without some of it would prove less. */
const DISTURBANCES = [
  'append',
  'start',
  'crash',
  'freeze',
  'close',
  'pause',
  'resume',
  'reset',
  'partition',
  'cure',
  'retry',
  'discard',
];

/** Runs worlds until one breaks, and says which one. Gives back how often each thing was done. */
async function simulate(from: number, worlds: number, sabotage?: Sabotage): Promise<Readonly<Record<string, number>>> {
  const done: Record<string, number> = {};
  for (let seed = from; seed < from + worlds; seed += 1) {
    // The engine's own dice, for its jitter.
    const dice = new Random(-seed);
    vi.spyOn(Math, 'random').mockImplementation(() => dice.float());
    const world = new SimulatedWorld(seed, sabotage);
    try {
      await world.run(STEPS);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`SEED=${seed} SIMULATIONS=1: ${message}`, { cause: error });
    } finally {
      vi.restoreAllMocks();
    }
    for (const [what, count] of world.done) done[what] = (done[what] ?? 0) + count;
  }
  return done;
}

describe('projections in a simulated world', () => {
  test(
    `are what the log says, whatever dies, freezes or gets lost, in ${WORLDS} worlds`,
    { timeout: 60_000 + WORLDS * 200 },
    async () => {
      const { seed } = seedOf('simulated projections');
      const done = await simulate(seed, WORLDS);
      const missing = DISTURBANCES.filter((what) => done[what] === undefined);
      expect(WORLDS < 100 ? [] : missing).toEqual([]);
    },
  );

  test.each(SABOTAGES)('do not hold where the storage %s', { timeout: 120_000 }, async (_what, sabotage) => {
    const { seed } = seedOf('sabotaged projections');
    await expect(simulate(seed, SABOTAGED_WORLDS, sabotage)).rejects.toThrow(/SEED=\d+/u);
  });
});
