import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { InvalidArgumentError as InvalidOptionError, Option, type Command } from 'commander';
import {
  collectIncident,
  failureName,
  incidentError,
  readableJson,
  type CollectedIncident,
  type IncidentPayloads,
  type IncidentSubject,
  type JsonValue,
} from 'mink';
import { loadConfig, type Config } from '../config-file.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { withStore } from '../database.ts';
import { FileExistsError } from '../errors.ts';
import { incidentTest } from '../incident-test.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { collectText, parseText, wholeFrom } from '../option-values.ts';
import { quoted } from '../quoted.ts';
import { escapeControls } from '../terminal-text.ts';

interface IncidentOptions extends GlobalOptions {
  readonly at?: number | undefined;
  readonly payloads: IncidentPayloads;
  readonly keep?: readonly string[] | undefined;
  readonly limit: number;
  readonly expect?: readonly string[] | undefined;
  readonly output: string;
}

const HELP = `
Examples:
  mink incident Order-42                              what is known of the stream, and a test that fails as it does
  mink incident Order-42 --at 7                       as it was at version 7
  mink incident 10432                                 of the event at this position of the log
  mink incident Order-42 --keep currency --keep tier  fields that rules depend on, and that may be seen
  mink incident Order-42 --expect status=confirmed    what the state should be

Texts of payloads are replaced by others of the same form, unless --payloads says otherwise; names of streams, times and numbers stay.
With "deciders", "aggregates" and "projections" of the config file, it tells their states and what they fail with.
`;

export function addIncidentCommand(program: Command, context: Context): void {
  program
    .command('incident')
    .description('write down what is known of a stream or an event, and a test that fails as it does')
    .argument('<stream|position>', 'a stream, or the position of an event in the log')
    .option('--at <version>', 'the version of the stream that it is about', wholeFrom(1))
    .addOption(
      new Option('--payloads <what>', 'what to tell of payloads').choices(['none', 'masked', 'full']).default('masked'),
    )
    .option('--keep <field>', 'a field whose values stay; may be repeated', collectText)
    .option('--limit <number>', 'events of the stream, at most', wholeFrom(1), 10_000)
    .option('--expect <field=value>', 'what the state should be; may be repeated', collectText)
    .option('--output <directory>', 'where the two files go', parseText, 'incidents')
    .addHelpText('after', HELP)
    .action((subject: string, _options, command: Command) => incident(context, subject, command.optsWithGlobals()));
}

async function incident(context: Context, name: string, options: IncidentOptions): Promise<void> {
  const subject = parseSubject(name, options.at);
  const expected = parseExpected(options.expect);
  const config = await loadConfig(context.cwd, options.config);
  await withStore(context, options, async (store) => {
    const folds = config.folds.map(({ target }) => target);
    const { projections } = config;
    const { payloads, keep, limit } = options;
    const collecting = collectIncident(store, subject, { folds, projections, payloads, keep, limit });
    const collected = await interruptible(collecting, context.signal);
    if (options.json === true) {
      await context.stdout.line(jsonText(collected.incident));
      return;
    }
    const files = await write(context, { collected, config, expected, directory: options.output });
    await context.stdout.write(summaryOf(collected, files));
  });
}

function parseSubject(name: string, at: number | undefined): IncidentSubject {
  if (!/^\d{1,16}$/u.test(name)) return { streamName: name, streamVersion: at };
  if (at !== undefined) throw new InvalidOptionError('--at is for a stream; the position says which event it is.');
  return { globalPosition: Number(name) };
}

type Expected = Readonly<Record<string, JsonValue>>;

/** `status=confirmed`, `total=12`: the value is JSON, or text where it is none. */
function parseExpected(list: readonly string[] | undefined): Expected | undefined {
  if (list === undefined) return undefined;
  return Object.fromEntries(
    list.map((text) => {
      const sign = text.indexOf('=');
      if (sign < 1) throw new InvalidOptionError(`"${text}" is not of the form field=value.`);
      return [text.slice(0, sign), parseValue(text.slice(sign + 1))];
    }),
  );
}

function parseValue(text: string): JsonValue {
  try {
    return readableJson(JSON.parse(text));
  } catch {
    return text;
  }
}

interface Files {
  readonly incident: string;
  /** Undefined without a config file, whose code a test needs. */
  readonly test: string | undefined;
}

interface Writing {
  readonly collected: CollectedIncident;
  readonly config: Config;
  readonly expected: Expected | undefined;
  readonly directory: string;
}

async function write({ cwd }: Context, { collected, config, expected, directory }: Writing): Promise<Files> {
  const { streamName, streamVersion } = collected.incident.subject;
  const base = `${encodeURIComponent(streamName).replaceAll('*', '%2A').slice(0, 100)}@${streamVersion}`;
  const folder = resolve(cwd, directory);
  await mkdir(folder, { recursive: true });
  const incident = join(folder, `${base}.incident.json`);
  await writeNew(incident, `${JSON.stringify(collected.incident, null, 2)}\n`);
  if (config.path === undefined) return { incident: relative(cwd, incident), test: undefined };
  const test = join(folder, `${base}.incident.test.ts`);
  const configPath = relative(folder, resolve(cwd, config.path)).replaceAll('\\', '/');
  const text = incidentTest({
    ...collected,
    expected,
    configPath: configPath.startsWith('.') ? configPath : `./${configPath}`,
    incidentPath: `./${encodeURIComponent(`${base}.incident.json`)}`,
  });
  await writeNew(test, text);
  return { incident: relative(cwd, incident), test: relative(cwd, test) };
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw new FileExistsError(file);
    throw error;
  }
}

function summaryOf({ incident, failures, isReproduced }: CollectedIncident, files: Files): string {
  const { subject, events, related, projections } = incident;
  const parked = projections.flatMap(({ name, version, keys }) =>
    keys.flatMap(({ key, parked }) =>
      parked === undefined ? [] : [`  ${name} ${version}: ${key} waits with ${counted(parked.waiting, 'event')}`],
    ),
  );
  const lines = [
    `${subject.streamName} at version ${subject.streamVersion}: ${counted(events.length, 'event')}, ${related.length} related ones`,
    ...parked,
    ...failures.map((it) => `  ${failureName(it)} fails at ${it.at.type}: ${incidentError(it.error).message}`),
    ...(failures.length === 0 ? ['  nothing fails with the code of now'] : []),
    ...(isReproduced
      ? []
      : ['  With these payloads it does not fail as it did: name the fields it depends on with --keep.']),
    `Written: ${files.incident}`,
    files.test === undefined
      ? 'No test: there is no config file, whose code it would need.'
      : `         ${files.test}    npx vitest run ${asWord(files.test)}`,
  ];
  return lines.map((line) => `${escapeControls(line)}\n`).join('');
}

/** A word of a shell; most are one as they are. */
function asWord(file: string): string {
  return /^[\w./@-]+$/u.test(file) ? file : quoted(file);
}
