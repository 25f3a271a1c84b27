// One subject does one work in this process. It says on standard output, a line of JSON each, when the window of the
// measurement begins and ends, and what came out; the parent watches the server meanwhile.
import { recordProfile } from './lib/cpu-profile.js';
import { append, held, hot } from './work/append.js';
import { catchup, followWriters, idle, latency, readRemotely, remoteLatency } from './work/feed.js';
import { growExisting, growLoad, growLog, growNew } from './work/growth.js';
import { inlineOverhead } from './work/inline.js';
import { load, mixed, prepare } from './work/load.js';
import { rebuild } from './work/partitions.js';
import {
  idleProjections,
  prepareInterleaved,
  project,
  projectRemotely,
  visible,
  visibleRemote,
} from './work/projections.js';
import { appendTime, roundTrip } from './work/trips.js';

const kinds = {
  append,
  held,
  hot,
  load,
  mixed,
  catchup,
  followWriters,
  latency,
  remoteLatency,
  idle,
  growExisting,
  growLoad,
  growLog,
  growNew,
  appendTime,
  roundTrip,
  project,
  visible,
  visibleRemote,
  rebuild,
  inlineOverhead,
  idleProjections,
};

const job = JSON.parse(process.env['MINK_BENCH_JOB']);
const { open } = await import(`./subjects/${job.subject}.js`);
const { parameters } = job;

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

let stopProfile;

function onBegin() {
  say({ mark: 'begin' });
  if (job.profileFile !== undefined) stopProfile = recordProfile(job.profileFile);
}

function onEnd() {
  stopProfile?.();
  say({ mark: 'end' });
}

try {
  const store = await open({
    url: job.url,
    workers: job.phase === 'prepare' ? 32 : (parameters.writers ?? parameters.workers ?? 1),
  });
  if (job.phase !== 'reader') await store.setUp();
  const context = {
    open,
    store,
    job,
    parameters,
    dataset: job.dataset,
    ids: job.ids,
    window: {
      seconds: job.seconds,
      warmUpSeconds: job.warmUpSeconds,
      longestSeconds: job.longestSeconds,
      onBegin,
      onEnd,
    },
  };
  if (job.phase === 'reader') {
    await (job.kind === 'visibleRemote' ? projectRemotely : readRemotely)(context);
  } else if (job.phase === 'prepare') {
    say({ result: await (job.dataset.isInterleaved ? prepareInterleaved : prepare)(context) });
  } else {
    const result = await kinds[job.kind](context);
    say({ result: { ...result, peakRssMb: process.resourceUsage().maxRSS / 1024 } });
  }
  await store.close();
  // Some drivers keep the process alive.
  process.stdout.write('', () => process.exit(0));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
