import { differences, parseStreamName, readableJson, type Difference } from 'mink';
import type { PayloadAccess, StatePage, StateStep } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { grantAccess, withPayloads, type ApiContext } from '../http/api.ts';
import { limit, name, payloads, position, readQuery } from '../http/parameters.ts';
import { Refusal } from '../http/problem.ts';
import type { NamedFold } from '../options.ts';
import { fitting } from '../payloads/fitting.ts';
import type { KnownState } from '../payloads/known-states.ts';
import { show, showChange, showEvent } from '../payloads/show.ts';

const MOST = 200;

/** The state after each event of a stream, from a version on, and what each has changed. */
export async function readStates(context: ConsoleContext, c: ApiContext, streamName: string): Promise<Response> {
  const query = readQuery(c.req.raw, {
    fold: name.optional(),
    from: position.default(1),
    limit: limit(MOST, 50),
    payloads,
  });
  const access = grantAccess(c, query.payloads);
  const named = findFold(context, streamName, query.fold);
  const from = Math.max(1, query.from);
  const end = (await versionOf(context, streamName)) + 1;
  const to = Math.min(from + query.limit, end);
  const of = { named, streamName };
  const before = await stateBefore(context, { ...of, from: Math.min(from, end) });
  const { steps, states, end: last } = await readSteps(context, { ...of, before, to: to - 1, access });
  const shown = fitting(steps);
  const next = shown.length === steps.length ? last + 1 : (shown.at(-1)?.event.streamVersion ?? to) + 1;
  const state = states[shown.length - 1];
  if (state !== undefined) context.knownStates.keep([streamName, named.name], { streamVersion: next - 1, state });
  const body: StatePage = next < end ? { steps: shown, next } : { steps: shown };
  return withPayloads(c, context.auditor, { body, of: { streamName, fold: named.name, from, steps: shown.length } });
}

/** Whose state is wanted, and of what. */
interface Wanted {
  readonly named: NamedFold;
  readonly streamName: string;
}

function findFold({ folds }: ConsoleContext, streamName: string, wanted: string | undefined): NamedFold {
  const { category } = parseStreamName(streamName);
  const own = folds.filter((it) => it.category === category);
  const found = wanted === undefined ? own[0] : own.find((it) => it.name === wanted);
  if (found !== undefined) return found;
  const known = own.length === 0 ? 'none' : own.map((it) => `"${it.name}"`).join(', ');
  const problem = `The console has no such decider or aggregate of "${category}", only: ${known}.`;
  throw new Refusal(404, 'FOLD_NOT_FOUND', problem);
}

async function versionOf({ storage }: ConsoleContext, streamName: string): Promise<number> {
  const info = await storage.streamInfo(streamName);
  if (info !== undefined) return info.version;
  throw new Refusal(404, 'STREAM_NOT_FOUND', `Stream "${streamName}" does not exist. Check the category and the id.`);
}

/** What the page before has ended with, or else a load up to there: from a snapshot, where there is one. */
async function stateBefore(
  { stored, knownStates }: ConsoleContext,
  { named, streamName, from }: Wanted & { readonly from: number },
): Promise<KnownState> {
  const { fold, name: foldName } = named;
  if (from === 1) return { streamVersion: 0, state: fold.initialState() };
  const known = knownStates.get([streamName, foldName], from - 1);
  if (known !== undefined) return known;
  const { id } = parseStreamName(streamName);
  const loaded = await stored.load(fold, id, { until: { version: from - 1 }, unknownEvents: 'skip' });
  return loaded;
}

interface Steps {
  readonly steps: readonly StateStep[];
  /** After each of them, as it is. */
  readonly states: readonly unknown[];
  /** The last version that they hold, or left out because nobody knows its type. */
  readonly end: number;
}

/** Up to a version, or to one that the code fails at: what led there is what somebody wants to see then. */
async function readSteps(
  { stored }: ConsoleContext,
  of: Wanted & { readonly before: KnownState; readonly to: number; readonly access: PayloadAccess },
): Promise<Steps> {
  const { named, streamName, before, to, access } = of;
  const { id } = parseStreamName(streamName);
  const steps: StateStep[] = [];
  const states: unknown[] = [before.state];
  const history = stored.history(named.fold, id, { after: before, until: { version: to }, unknownEvents: 'skip' });
  try {
    for await (const { event, state, changes } of history) {
      const shown = access === 'full' ? changes : plainDifferences(states.at(-1), state);
      steps.push({
        event: showEvent(event, access),
        state: show(state, access),
        changes: shown.map((change) => showChange(change, access)),
      });
      states.push(state);
    }
  } catch (error) {
    const last = steps.at(-1);
    if (last === undefined) throw error;
    return { steps, states: states.slice(1), end: last.event.streamVersion };
  }
  return { steps, states: states.slice(1), end: to };
}

/** Of states as JSON: the paths of their differences hold names only, while those of a set or a map hold its values or keys. */
function plainDifferences(before: unknown, after: unknown): readonly Difference[] {
  return differences(readableJson(before), readableJson(after));
}
