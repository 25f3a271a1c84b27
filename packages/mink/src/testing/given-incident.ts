import { AssertionError, deepStrictEqual } from 'node:assert';
import { readFileSync } from 'node:fs';
import {
  failureName,
  incidentError,
  INCIDENT_FORMAT,
  InvalidArgumentError,
  isAggregateClass,
  readableJson,
  replayIncident,
  typed,
  type AnyAggregateClass,
  type AnyFold,
  type AnyProjection,
  type Incident,
  type JsonValue,
} from '../core/index.ts';

/** The code that an incident is played with: as a `mink.config.ts` exports it. */
export interface IncidentCodeExports {
  readonly deciders?: readonly AnyFold<unknown>[] | undefined;
  readonly aggregates?: readonly AnyAggregateClass[] | undefined;
  readonly projections?: readonly AnyProjection[] | undefined;
  /** Where they are members of a default export. */
  readonly default?: Omit<IncidentCodeExports, 'default'> | undefined;
}

/** What is to come of it. */
export interface GivenIncident {
  /** The stream can be folded, and all that waits in projections can be applied. */
  thenNothingFails(): void;
  /** The state of the decider or aggregate of this name, as JSON, is this, or passes this check. */
  thenState(name: string, expected: JsonValue | ((state: JsonValue) => void)): void;
}

/**
 * Reads what `mink incident` has written.
 *
 * @example
 * const incident = readIncident(new URL('Order-42.incident.json', import.meta.url));
 */
export function readIncident(file: string | URL): Incident {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidArgumentError('incident', `"${String(file)}" cannot be read: ${reason}`);
  }
  if (isIncident(value)) return value;
  throw new InvalidArgumentError(
    'incident',
    `"${String(file)}" is no ${INCIDENT_FORMAT}. Make it with "mink incident"`,
  );
}

function isIncident(value: unknown): value is Incident {
  return typeof value === 'object' && value !== null && 'format' in value && value.format === INCIDENT_FORMAT;
}

/**
 * Given an incident, when the code of now plays it, then nothing fails any more, or the state is what it should be. Without a
 * database, in any test runner.
 *
 * @example
 * givenIncident(incident, { deciders: [order], projections: [orderList] }).thenNothingFails();
 */
export function givenIncident(incident: Incident, code: IncidentCodeExports): GivenIncident {
  const { deciders = [], aggregates = [], projections = [] } = { ...code.default, ...code };
  const folds: readonly AnyFold<unknown>[] = typed([
    ...deciders,
    ...aggregates.map((it) => (isAggregateClass(it) ? it.definition : it)),
  ]);
  const play = (): ReturnType<typeof replayIncident> => {
    const played = replayIncident(incident, { folds, projections });
    if (played.failures.length === 0) return played;
    const [first] = played.failures;
    const message = played.failures.map(textOf).join('\n');
    throw new AssertionError({ message: `It fails:\n${message}`, actual: first?.error, expected: undefined });
  };
  return {
    thenNothingFails: () => void play(),
    thenState: (name, expected) => {
      const { states } = play();
      if (!states.has(name)) {
        const known = [...states.keys()].join(', ') || 'none';
        throw new InvalidArgumentError('name', `there is no decider or aggregate "${name}" here, only: ${known}`);
      }
      const state = readableJson(states.get(name));
      if (typeof expected === 'function') expected(state);
      else deepStrictEqual(state, expected);
    },
  };
}

function textOf(failure: ReturnType<typeof replayIncident>['failures'][number]): string {
  const { at, error } = failure;
  return `- ${failureName(failure)}: ${at.type} (${at.streamName}@${at.streamVersion}): ${incidentError(error).message}`;
}
