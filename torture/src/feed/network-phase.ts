import { LAST_TYPE, RARE_TYPE } from '../actors/event-types.ts';
import { MemoryReader } from '../actors/memory-reader.ts';
import { FaultProxy } from '../cluster/fault-proxy.ts';
import { pause } from '../waiting.ts';
import { startProcesses } from './processes.ts';
import type { PhaseResult, Run } from './run.ts';
import { Stage } from './stage.ts';

/** For so many seconds, every connection between mink and PostgreSQL is delayed, cut, truncated, half-closed or swallowed. */
export async function networkPhase(
  run: Run,
  { name, seconds }: { readonly name: string; readonly seconds: number },
): Promise<PhaseResult> {
  const stage = await Stage.open(run, name);
  const proxy = await FaultProxy.start({ targetPort: run.cluster.port, random: stage.random.derive('network') });
  try {
    const url = run.cluster.url(stage.database, proxy.port);
    await startProcesses(stage, { url, timeout: 2_000, writers: 6, maxPause: 5 });
    const far = { store: stage.openStore({ url, timeout: 2_000 }), pageSize: 100 };
    const near = { store: stage.openStore(), pageSize: 100 };
    const rare = { types: [RARE_TYPE, LAST_TYPE] };
    stage.addReader(new MemoryReader({ ...far, name: 'all, far', random: stage.random.derive('m1') }));
    stage.addReader(new MemoryReader({ ...far, name: 'rare, far', interest: rare, random: stage.random.derive('m2') }));
    stage.addReader(new MemoryReader({ ...near, name: 'all, near', random: stage.random.derive('m3') }));
    await pause(seconds * 1000, run.signal);
    proxy.heal();
    for (const [fate, count] of Object.entries(proxy.faults())) {
      for (let index = 0; index < count; index += 1) stage.count(`network ${fate}`);
    }
    return await stage.finish();
  } finally {
    await stage.close();
    await proxy.stop();
  }
}
