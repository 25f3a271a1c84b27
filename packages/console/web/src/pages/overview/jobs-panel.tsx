import { useJobs } from '../../api/use-jobs.ts';
import { JobCard } from '../../components/job-card.tsx';
import { Panel } from '../../components/panel.tsx';

const MOST = 5;

/** What the console does now, and has done lately. */
export function JobsPanel() {
  const { jobs } = useJobs();
  if (jobs.length === 0) return null;
  return (
    <Panel title="Jobs">
      {jobs.slice(0, MOST).map((job) => (
        <JobCard key={job.id} job={job} />
      ))}
    </Panel>
  );
}
