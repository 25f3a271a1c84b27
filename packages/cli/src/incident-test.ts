import { isDeepStrictEqual } from 'node:util';
import { readableJson, type CollectedIncident, type Incident, type JsonValue } from 'mink';

/** What a test of an incident is made from. */
export interface IncidentTest extends CollectedIncident {
  /** As the test imports it. */
  readonly configPath: string;
  /** The file of the incident, as the test reads it. */
  readonly incidentPath: string;
  /** What the user says the state should be, in parts; undefined where nothing was said. */
  readonly expected: Readonly<Record<string, JsonValue>> | undefined;
}

const SHOWN = 30;

/** A test that fails as long as the code does what it did: for vitest, and with another import for any other runner. */
export function incidentTest({
  incident,
  failures,
  isReproduced,
  configPath,
  incidentPath,
  expected,
}: IncidentTest): string {
  const { streamName, streamVersion } = incident.subject;
  const name = failures.length > 0 ? 'what failed fails no more' : 'the state is what it should be';
  const body =
    failures.length > 0 ? ['  givenIncident(incident, code).thenNothingFails();'] : stateLines(incident, expected);
  return [
    `// Made by "mink incident ${comment(streamName)} --at ${streamVersion}". Payloads are ${incident.payloads}.`,
    ...(isReproduced ? [] : ['// With these payloads it does not fail as it did: see --keep and --payloads full.']),
    "import { test } from 'vitest';",
    "import { givenIncident, readIncident } from 'mink/testing';",
    `import * as code from ${literal(configPath)};`,
    '',
    `const incident = readIncident(new URL(${literal(incidentPath)}, import.meta.url));`,
    '',
    `test(${literal(`${streamName} at version ${streamVersion}: ${name}`)}, () => {`,
    ...givenLines(incident),
    ...failures.map(
      ({ of, at }) =>
        `  // When ${comment(of)} comes to ${comment(at.type)} of ${comment(at.streamName)}@${at.streamVersion}`,
    ),
    '  // Then:',
    ...body,
    '});',
    '',
  ].join('\n');
}

function givenLines({ events }: Incident): readonly string[] {
  const shown = events.slice(-SHOWN);
  const left = events.length - shown.length;
  return [
    `  // Given ${left > 0 ? `${left} events, and ` : ''}`.trimEnd(),
    ...shown.map(({ streamVersion, type, recordedAt }) => `  //   ${streamVersion}. ${comment(type)}, ${recordedAt}`),
  ];
}

function stateLines({ folds }: Incident, expected: Readonly<Record<string, JsonValue>> | undefined): readonly string[] {
  const [fold] = folds;
  if (fold === undefined)
    return ["  throw new Error('There is no decider or aggregate for it: say here what to check.');"];
  const name = literal(fold.name);
  const state = readableJson(fold.state);
  const wanted = expected === undefined || !isObject(state) ? state : { ...state, ...expected };
  const lines = [`  givenIncident(incident, code).thenState(${name}, ${indented(wanted)});`];
  if (!isDeepStrictEqual(wanted, state)) return lines;
  return [
    ...lines,
    "  throw new Error('This is the state as it is. Change it above to what it should be, and remove this line.');",
  ];
}

function isObject(value: JsonValue): value is Readonly<Record<string, JsonValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function indented(value: JsonValue): string {
  // In source code, unlike in JSON, this name alone would set the prototype.
  return JSON.stringify(value, null, 2).replaceAll('"__proto__":', '["__proto__"]:').replaceAll('\n', '\n  ');
}

/** As source code, in one line: JSON lets two signs be that end a line, and with it the comment that it stands in. */
function literal(text: string): string {
  return JSON.stringify(text)
    .replaceAll('\u2028', String.raw`\u2028`)
    .replaceAll('\u2029', String.raw`\u2029`);
}

/** What comes from a database must not end the comment it stands in. */
function comment(text: string): string {
  return literal(text).slice(1, -1);
}
