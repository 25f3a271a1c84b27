import { readableJson } from 'mink';
import type { Job, PayloadAccess } from '../api-types.ts';
import { showText, toFailure } from '../http/problem.ts';
import { mask } from '../payloads/mask.ts';
import { toJob, type KeptJob } from './jobs.ts';

/** A job as somebody may see it: rows, keys' errors and values in what came of it are masked like payloads. */
export function showJob(job: KeptJob, access: PayloadAccess): Job {
  const problem = job.error === undefined ? undefined : toFailure(job.error, access).problem;
  return toJob(job, job.result === undefined ? undefined : showResult(readableJson(job.result), access), problem);
}

/** Members of results that hold what is in rows. */
const PAYLOADS: ReadonlySet<string> = new Set(['before', 'after']);

function showResult(value: unknown, access: PayloadAccess, name = ''): unknown {
  if (access === 'full') return value;
  if (typeof value === 'string') return name === 'error' ? showText(value, access) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => showResult(item, access, name));
  return Object.fromEntries(
    Object.entries(value).flatMap(([own, item]: readonly [string, unknown]) => {
      if (!PAYLOADS.has(own)) return [[own, showResult(item, access, own)]];
      return access === 'none' ? [] : [[own, mask(readableJson(item))]];
    }),
  );
}
