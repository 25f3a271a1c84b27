import { useEffect, useState } from 'preact/hooks';
import type { Job } from '../../../src/api-types.ts';
import { apiPath, getJson } from './client.ts';

const LOOK = 500;

/** Follows a job until it has ended. */
export function useJob(): readonly [Job | undefined, (job: Job) => void] {
  const [job, setJob] = useState<Job>();
  useEffect(() => {
    if (job?.state !== 'running') return undefined;
    const timer = setTimeout(async () => {
      // An answer that does not come is asked for again with the next look.
      const next = await getJson<Job>(apiPath('jobs', job.id)).catch(() => ({ ...job }));
      setJob(next);
    }, LOOK);
    return () => clearTimeout(timer);
  }, [job]);
  return [job, setJob];
}
