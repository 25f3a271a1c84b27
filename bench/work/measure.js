// A window of time in which work is counted, after some time to warm up.
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs `step` in as many workers as asked for, each one after another, and counts what completes in the window. `step`
 * returns how much it did. `onBegin` and `onEnd` mark the window for whoever watches from outside.
 */
export async function measureRate({ workers, step, seconds, warmUpSeconds, onBegin, onEnd }) {
  const state = { running: true, counting: false, failure: undefined, done: 0, steps: 0 };
  const work = async (worker) => {
    try {
      while (state.running) {
        const amount = await step(worker);
        if (state.counting) {
          state.done += amount;
          state.steps += 1;
        }
      }
    } catch (error) {
      state.failure ??= error;
      state.running = false;
    }
  };
  const all = Array.from({ length: workers }, (_, worker) => work(worker));
  await wait(warmUpSeconds * 1000, () => state.running);
  onBegin();
  const started = performance.now();
  const cpu = process.cpuUsage();
  state.counting = true;
  await wait(seconds * 1000, () => state.running);
  state.counting = false;
  const elapsed = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  onEnd();
  state.running = false;
  await Promise.all(all);
  if (state.failure !== undefined) throw state.failure;
  return { rate: state.done / elapsed, steps: state.steps, elapsed, clientCpuMs: (user + system) / 1000 };
}

/** Waits, but not for a work that has ended before. */
async function wait(milliseconds, isRunning) {
  const deadline = performance.now() + milliseconds;
  while (isRunning() && performance.now() < deadline) {
    await delay(Math.min(50, Math.max(1, deadline - performance.now())));
  }
}
