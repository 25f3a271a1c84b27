import { useEffect } from 'preact/hooks';
import type { Job } from '../../../src/api-types.ts';
import { useLiveFeed } from './live-feed.tsx';
import { useResource } from './use-resource.ts';

export interface Jobs {
  /** The newest first: those that run, and those that have ended within the last hour. */
  readonly jobs: readonly Job[];
  readonly reload: () => void;
}

/** Milliseconds between two looks while one of them runs. */
const LOOK = 1_000;

/** The jobs of the console, or those about one subject; read again when one begins or ends, whoever has asked for it. */
export function useJobs(subject?: string): Jobs {
  const { overview } = useLiveFeed();
  const isOwn = (job: Job): boolean => subject === undefined || job.subject === subject;
  const known = useResource<readonly Job[]>('jobs');
  const jobs = (known.data ?? []).filter(isOwn);
  const { reload } = known;
  const begun = (overview?.jobs ?? []).filter(isOwn).map(({ id }) => id);
  const isNew = begun.some((id) => !jobs.some((job) => job.id === id));
  const runs = jobs.some(({ state }) => state === 'running');
  useEffect(() => {
    if (isNew) reload();
  }, [isNew, reload]);
  useEffect(() => {
    if (!runs) return undefined;
    const timer = setInterval(reload, LOOK);
    return () => clearInterval(timer);
  }, [runs, reload]);
  return { jobs, reload };
}
