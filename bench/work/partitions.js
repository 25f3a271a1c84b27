// A rebuild by several partitions of a projection, beside one by a single partition: both in one process, in turns.
import { startDelayProxy } from '../lib/delay-proxy.js';

/** How much faster it is with partitions. The window of the measurement is the first rebuild by one. */
export async function rebuild({ open, store, job, parameters, dataset, window: { longestSeconds, onBegin, onEnd } }) {
  const { partitions, delayMs } = parameters;
  const proxy = delayMs === undefined ? undefined : await startDelayProxy(job.url, delayMs);
  const measured = proxy === undefined ? store : await open({ url: proxy.url, workers: 1 });
  const expected = dataset.streams * dataset.length;
  try {
    const run = async (count) => {
      const projector = await measured.projector({ partitions: count });
      await projector.reset();
      const started = performance.now();
      const cpu = process.cpuUsage();
      await projector.start();
      await projector.caughtUp(longestSeconds * 1000);
      const elapsed = (performance.now() - started) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      const applied = await projector.applied();
      await projector.stop();
      if (applied !== expected) throw new Error(`Applied ${applied} of ${expected} events in ${count} partitions.`);
      return { elapsed, clientCpuMs: (user + system) / 1000 };
    };
    // Compiles what runs often.
    await run(partitions);
    onBegin();
    const one = await run(1);
    onEnd();
    const several = [await run(partitions), await run(partitions)];
    const again = await run(1);
    const [alone, together] = [[one, again], several].map((runs) =>
      runs.reduce((sum, { elapsed }) => sum + elapsed, 0),
    );
    return { ...one, steps: expected, ratio: alone / together };
  } finally {
    if (measured !== store) await measured.close();
    proxy?.stop();
  }
}
