import { useState } from 'preact/hooks';
import type { Job } from '../../../src/api-types.ts';
import { apiPath, asProblem, postJson, withQuery } from '../api/client.ts';
import { useRefusal } from '../api/session.tsx';
import { useResource } from '../api/use-resource.ts';
import { percent, rate } from '../format/numbers.ts';
import { duration } from '../format/times.ts';
import { StateBadge } from './badge.tsx';
import { Button } from './button.tsx';
import { isComparison } from './comparison.tsx';
import { ErrorNotice } from './notices.tsx';
import { JobResult } from './job-result.tsx';
import { useReveal } from './payload.tsx';
import { TimeAgo } from './time-ago.tsx';
import { announce } from './toasts.tsx';

/** A job, how far it is, and what it came to. */
export function JobCard({ job }: { readonly job: Job }) {
  return (
    <article class="job" aria-label={`${job.action} of ${job.subject}`}>
      <header>
        <b>{job.action}</b> <span class="name">{job.subject}</span>
        <StateBadge state={job.state} />
        <span class="muted">
          by {job.startedBy}, <TimeAgo at={job.startedAt} />
          {job.endedAt !== undefined && `, took ${duration(job.endedAt - job.startedAt)}`}
        </span>
        {job.state === 'running' && <CancelButton job={job} />}
      </header>
      {job.state === 'running' && <JobProgress job={job} />}
      {job.error !== undefined && <ErrorNotice problem={job.error} />}
      {job.result !== undefined && job.result !== null && <Result job={job} />}
    </article>
  );
}

/** What it came to; rows of read models are masked until somebody reveals them. */
function Result({ job }: { readonly job: Job }) {
  const { payloads, button } = useReveal();
  const path = payloads === 'full' ? withQuery(apiPath('jobs', job.id), { payloads }) : undefined;
  const { data, error } = useResource<Job>(path);
  return (
    <>
      {isComparison(job.result) && <div>{button}</div>}
      {error !== undefined && <ErrorNotice problem={error} />}
      <JobResult job={payloads === 'full' ? (data ?? job) : job} />
    </>
  );
}

function JobProgress({ job }: { readonly job: Job }) {
  const known = job.progress === undefined ? {} : { value: job.progress, max: 1 };
  return (
    <div class="job-progress">
      <progress {...known} aria-label={`Progress of ${job.action}`} />
      <span class="number">
        {[
          job.progress !== undefined && percent(job.progress),
          job.rate !== undefined && rate(job.rate),
          job.timeLeft !== undefined && `${duration(job.timeLeft)} left`,
        ]
          .filter(Boolean)
          .join(' · ')}
      </span>
    </div>
  );
}

function CancelButton({ job }: { readonly job: Job }) {
  const refusal = useRefusal('cancel-job');
  const [isAsked, setIsAsked] = useState(false);
  const cancel = async (): Promise<void> => {
    setIsAsked(true);
    try {
      await postJson(apiPath('jobs', job.id, 'cancel'));
    } catch (error) {
      setIsAsked(false);
      announce(asProblem(error).message, 'danger');
    }
  };
  return (
    <Button refusal={refusal} isBusy={isAsked} onClick={() => void cancel()}>
      Cancel
    </Button>
  );
}
