// A window of time in which work is counted, after some time to warm up.
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs `step` in as many workers as asked for, each one after another, and counts what completes in the window. `step`
 * returns how much it did. `onBegin` and `onEnd` mark the window for whoever watches from outside.
 */
export async function measureRate({ workers, step, seconds, warmUpSeconds, onBegin, onEnd }) {
  let running = true;
  let counting = false;
  let failure;
  let done = 0;
  let steps = 0;
  const work = async (worker) => {
    try {
      while (running) {
        const amount = await step(worker);
        if (counting) {
          done += amount;
          steps += 1;
        }
      }
    } catch (error) {
      failure ??= error;
      running = false;
    }
  };
  const all = Array.from({ length: workers }, (_, worker) => work(worker));
  await wait(warmUpSeconds * 1000, () => running);
  onBegin();
  const started = performance.now();
  const cpu = process.cpuUsage();
  counting = true;
  await wait(seconds * 1000, () => running);
  counting = false;
  const elapsed = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  onEnd();
  running = false;
  await Promise.all(all);
  if (failure !== undefined) throw failure;
  return { rate: done / elapsed, steps, elapsed, clientCpuMs: (user + system) / 1000 };
}

/** Waits, but not for a work that has ended before. */
async function wait(milliseconds, isRunning) {
  const deadline = performance.now() + milliseconds;
  while (isRunning() && performance.now() < deadline) {
    await delay(Math.min(50, Math.max(1, deadline - performance.now())));
  }
}
