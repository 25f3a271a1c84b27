import type { AnyProjection, BuildProgress, JsonObject, ProjectionId, VerifyProgress } from 'mink';
import { z } from 'zod';
import type { ProjectionAction, User } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { checkBody, name } from '../http/parameters.ts';
import { Refusal } from '../http/problem.ts';
import { findProjection } from '../live/projections.ts';
import type { JobProgress, KeptJob } from './jobs.ts';
import { startJob, type Run } from './start-job.ts';

/** What takes a while. */
export type JobAction = Exclude<ProjectionAction, 'pause' | 'resume' | 'reset' | 'partition'>;

/** A job with a projection that somebody wants. */
export interface WantedJob {
  readonly action: JobAction;
  readonly id: ProjectionId;
  readonly user: User;
  readonly body: unknown;
}

const whole = (most: number) => z.number().int().min(1).max(most).optional();
const speed = { rate: whole(1_000_000), batchSize: whole(10_000) };
const compared = {
  samples: z.number().int().min(0).max(100).optional(),
  sample: whole(1_000_000),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .optional(),
  timeout: whole(600_000),
};
const against = whole(2 ** 31 - 1);
const confirm = name;
const isForced = z.boolean().optional();
const BODIES = {
  plan: z.strictObject({}),
  build: z.strictObject(speed),
  rebuild: z.strictObject({ confirm, ...speed, isFresh: z.boolean().optional(), isForced }),
  compare: z.strictObject({ ...compared, against }),
  'what-if': z.strictObject({ ...compared, ...speed, against }),
  /** `isDeep`: also the rows, by applying the whole log again beside them. */
  verify: z.strictObject({ ...compared, ...speed, isDeep: z.boolean().optional() }),
  switch: z.strictObject({ confirm, isForced }),
  rollback: z.strictObject({ confirm, isForced }),
  retire: z.strictObject({ confirm, isForced }),
} satisfies Record<JobAction, z.ZodType>;

/** Begins a job with a projection: one at a time for each name. */
export async function startProjectionJob(context: ConsoleContext, wanted: WantedJob): Promise<KeptJob> {
  const { action, id, user, body } = wanted;
  const details: JsonObject = { projection: id.name, version: id.version };
  return startJob(context, {
    action,
    subject: `${id.name} ${id.version}`,
    holds: `projection ${id.name}`,
    user,
    details,
    prepare: async () => {
      findProjection((await context.live.latest()).seen, id);
      const run = runOf(context, wanted);
      const { confirm: confirmed } = z.object({ confirm: z.string().optional() }).parse(body ?? {});
      if (confirmed !== undefined && confirmed !== id.name) {
        throw new Refusal(409, 'NOT_CONFIRMED', `Confirm it with the name "${id.name}".`);
      }
      return run;
    },
  });
}

/** What is to be done, its body checked. */
function runOf({ store, versions, projections }: ConsoleContext, { action, id, body }: WantedJob): Run {
  switch (action) {
    case 'plan':
      checkBody(body, BODIES.plan);
      return (signal) => versions.plan(codeOf(projections, id), { signal });
    case 'build': {
      const how = checkBody(body, BODIES.build);
      const code = codeOf(projections, id);
      return (signal, onProgress) => versions.build(code, { ...how, signal, onProgress: building(onProgress) });
    }
    case 'rebuild': {
      const { confirm: _confirm, ...how } = checkBody(body, BODIES.rebuild);
      const code = codeOf(projections, id);
      return (signal, onProgress) => versions.rebuild(code, { ...how, signal, onProgress: building(onProgress) });
    }
    case 'compare': {
      const how = checkBody(body, BODIES.compare);
      return (signal) => versions.compare(id, { ...how, signal });
    }
    case 'what-if': {
      const how = checkBody(body, BODIES['what-if']);
      const code = codeOf(projections, id);
      return (signal, onProgress) => versions.whatIf(code, { ...how, signal, onProgress: building(onProgress) });
    }
    case 'verify': {
      const { isDeep = false, ...how } = checkBody(body, BODIES.verify);
      const code = codeOf(projections, id);
      if (!isDeep) {
        return (signal, onProgress) => store.projections.verify(code, { signal, onProgress: verifying(onProgress) });
      }
      return (signal, onProgress) => versions.verifyRows(code, { ...how, signal, onProgress: building(onProgress) });
    }
    case 'switch': {
      const { isForced: forced } = checkBody(body, BODIES.switch);
      return (signal) => versions.switchTo(id, { isForced: forced, signal });
    }
    case 'rollback': {
      const { isForced: forced } = checkBody(body, BODIES.rollback);
      return (signal) => versions.rollback(id, { isForced: forced, signal });
    }
    case 'retire': {
      const { isForced: forced } = checkBody(body, BODIES.retire);
      return async () => {
        await versions.retire(id, { isForced: forced });
        return id;
      };
    }
  }
}

function codeOf(
  projections: readonly AnyProjection[],
  { name, version }: { readonly name: string; readonly version: number },
): AnyProjection {
  const code = projections.find((it) => it.name === name && it.version === version);
  if (code !== undefined) return code;
  const problem = `The console has no code for projection "${name}" version ${version}, which this needs.`;
  throw new Refusal(409, 'NO_CODE', problem);
}

function building(onProgress: (progress: JobProgress) => void): (progress: BuildProgress) => void {
  return ({ events, left, rate, timeLeft }) => {
    onProgress({ progress: events + left === 0 ? 1 : events / (events + left), rate, timeLeft });
  };
}

function verifying(onProgress: (progress: JobProgress) => void): (progress: VerifyProgress) => void {
  return ({ position, upTo }) => onProgress({ progress: upTo === 0 ? 1 : Math.min(1, position / upTo) });
}
