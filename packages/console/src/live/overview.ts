import type { ProcessReport } from 'mink';
import { isAtLeast } from '../access/actions.ts';
import { payloadAccess } from '../access/user.ts';
import type {
  Feed,
  Overview,
  PayloadAccess,
  ProcessDetail,
  ProcessSummary,
  ProjectionSummary,
  User,
} from '../api-types.ts';
import { showText } from '../http/problem.ts';
import { toJob, type KeptJob } from '../jobs/jobs.ts';
import type { Look } from './look.ts';
import { summaryOf, type SeenProjection } from './projections.ts';

/** A look as a user may see it: errors and statements may hold values, and statements are for those who can end them. */
export function toOverview(look: Look, user: User, jobs: readonly KeptJob[]): Overview {
  const access = payloadAccess(user);
  const { at, rates, seen, deadLetters, vitals, health, processes } = look;
  const running = jobs.filter(({ state }) => state === 'running');
  return {
    at,
    feed: toFeed(look, user),
    rates,
    projections: seen.map((it) => toProjection(it, access)),
    deadLetters,
    ...(vitals === undefined ? {} : { storageBytes: vitals.bytes }),
    ...(vitals?.connections === undefined ? {} : { pool: vitals.connections }),
    health: { ...health, reasons: health.reasons.map((reason) => toReason(reason, access)) },
    processes: processes.map(toProcess),
    jobs: running.map((job) => toJob(job, undefined, undefined)),
  };
}

/** What the rules of health say stays; the error of a projection behind it is masked. */
export function toReason(reason: string, access: PayloadAccess): string {
  const [said = '', ...error] = reason.split(': ');
  return error.length === 0 ? said : `${said}: ${showText(error.join(': '), access)}`;
}

/** A projection, its error as far as somebody may see it. */
export function toProjection(seen: SeenProjection, access: PayloadAccess): ProjectionSummary {
  const { error, ...rest } = summaryOf(seen);
  return error === undefined ? rest : { ...rest, error: showText(error, access) };
}

function toFeed({ feed }: Look, user: User): Feed {
  const { position, head, wakeUp, heldBy } = feed;
  const seesQueries = isAtLeast(user.role, 'operator');
  const shown = heldBy.map(({ query, ...holder }) => ({
    ...holder,
    query: seesQueries && query !== undefined ? showText(query, payloadAccess(user)) : undefined,
  }));
  return { position, head, wakeUp, heldBy: shown.map((holder) => defined(holder)) };
}

/** Without what is not known: JSON has no undefined. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const known: { [K in keyof T]: Exclude<T[K], undefined> } = JSON.parse(JSON.stringify(value));
  return known;
}

function toProcess(process: ProcessReport): ProcessSummary {
  const { id, name, release, host, pid, startedAt, reportedAt, isSilent } = process;
  const of = { id, name, host, pid, startedAt: startedAt.getTime(), reportedAt: reportedAt.getTime(), isSilent };
  return release === undefined ? of : { ...of, release };
}

/** The same, with what it is set to. */
export function toProcessDetail(process: ProcessReport): ProcessDetail {
  const { nodeVersion, minkVersion, configuration, vitals } = process;
  const numbers = Object.entries(vitals ?? {}).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  const detail = { ...toProcess(process), nodeVersion, minkVersion, configuration };
  return vitals === undefined ? detail : { ...detail, vitals: Object.fromEntries(numbers) };
}
