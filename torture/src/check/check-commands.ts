import type { CommandAnswer, CommandHistory } from '../commands/answers.ts';
import type { LoggedEvent } from '../history.ts';
import { groupBy, where } from './check-log.ts';
import type { Finding } from './finding.ts';

/** What is in the database when all senders have ended. */
export interface CommandWorld {
  readonly commands: readonly CommandHistory[];
  readonly log: readonly LoggedEvent[];
  /** How the command with an id ended, as it is kept for repeats. */
  readonly results: ReadonlyMap<string, string>;
}

/**
 * Whether every command has had the one effect, or none, that its senders were told of, and everybody was told the same. All
 * commands must have an answer.
 */
export function checkCommands({ commands, log, results }: CommandWorld): readonly Finding[] {
  const events = groupBy(log, ({ origin }) => origin?.attempt);
  const known = new Set(commands.map(({ id }) => id));
  return [
    ...log
      .filter(({ origin }) => origin === undefined || !known.has(origin.attempt))
      .map((event): Finding => ({ ...where(event), kind: 'phantom', message: 'no command has made this event' })),
    ...commands.flatMap((command) => [
      ...checkAnswers(command),
      ...checkEffect(command, events.get(command.id) ?? []),
      ...checkResult(command, results.get(command.id)),
    ]),
  ];
}

/** All last words are one, and nothing else is said after it. */
function checkAnswers({ id, answers }: CommandHistory): readonly Finding[] {
  const last = answers.filter(isLast);
  const different = new Set(last.map(({ status, content }) => `${status} ${content}`));
  const findings: Finding[] = [];
  if (different.size > 1) {
    findings.push({ kind: 'answer', attempt: id, message: `got different answers: ${[...different].join(' and ')}` });
  }
  const late = answers.find(({ status, isRepeat }) => isRepeat && status === 'taken');
  if (late !== undefined) {
    findings.push({
      kind: 'answer',
      attempt: id,
      message: 'was said to want a value that is taken, after its last word',
    });
  }
  return findings;
}

/** Its events are there once if it was done, and not at all otherwise. */
function checkEffect({ id, answers }: CommandHistory, events: readonly LoggedEvent[]): readonly Finding[] {
  const facts = { attempt: id };
  const done = answers.find((answer) => answer.status === 'done');
  if (done === undefined) {
    if (answers.every(({ status }) => status === 'open')) {
      return [{ ...facts, kind: 'stuck', message: 'nobody was told what came of it' }];
    }
    return events.map((event) => ({
      ...where(event),
      kind: 'phantom',
      message: `of a command that was not done: ${id}`,
    }));
  }
  const indexes = new Set(events.map(({ origin }) => origin?.index));
  const findings: Finding[] = [];
  if (indexes.size < events.length) {
    const positions = events.map(({ position }) => position).join(', ');
    findings.push({ ...facts, kind: 'repeated', message: `took effect more than once, at ${positions}` });
  }
  for (const told of done.events) {
    const stored = events.find(({ id: eventId }) => eventId === told.id);
    if (stored?.position === told.position) continue;
    const message = stored === undefined ? 'is not there' : `is at ${stored.position}`;
    findings.push({ ...facts, kind: 'lost', position: told.position, eventId: told.id, message });
  }
  if (findings.length === 0 && events.length > done.events.length) {
    findings.push({
      ...facts,
      kind: 'answer',
      message: `${events.length} events are there, ${done.events.length} told`,
    });
  }
  return findings;
}

/** What is kept for the next repeat is what was told. */
function checkResult({ id, answers }: CommandHistory, result: string | undefined): readonly Finding[] {
  const last = answers.find(isLast);
  const expected = last?.status === 'done' ? (last.events.length > 0 ? 'appended' : 'value') : last?.status;
  if (result === expected) return [];
  const message = `its result is kept as ${result ?? 'nothing'}; told was ${expected ?? 'no last word'}`;
  return [{ kind: result === undefined ? 'lost' : 'answer', attempt: id, message }];
}

function isLast<A extends CommandAnswer>(
  answer: A,
): answer is A & { readonly status: 'done' | 'refused'; readonly content: string } {
  return answer.status === 'done' || answer.status === 'refused';
}
