import type { ComparedTable, ComparedVersions, RowDifference, VerifiedRows } from 'mink';
import { numberText } from './build-progress.ts';
import { jsonText } from './json-text.ts';

const SHOWN_ERRORS = 5;
const SHOWN_CHANGES = 5;

type Words = Readonly<Record<RowDifference['kind'], string>>;
const COMPARED: Words = { added: 'added', removed: 'removed', changed: 'changed' };
const VERIFIED: Words = { added: 'missing', removed: 'too many', changed: 'wrong' };

/** In what two versions differ, for people. */
export function comparisonText(compared: ComparedVersions): string {
  const { name, version, against, position, isSame, sample, tables, errors } = compared;
  const verdict = isSame ? 'no difference' : 'different';
  const lines = [
    `${name} version ${version} against version ${against}, at position ${position}: ${verdict}`,
    ...sampleLine(sample),
    ...tables.flatMap((table) => tableLines(table, COMPARED)),
    ...errorLines(errors),
  ];
  return `${lines.join('\n')}\n`;
}

/** Whether the rows of a version are what they have to be, for people. */
export function verifiedText(verified: VerifiedRows): string {
  const { name, version, position, ok, sample, tables, errors, keysApart } = verified;
  const verdict = ok
    ? 'the rows are what its code makes of the log'
    : 'the rows are not what its code makes of the log';
  const lines = [
    `${name} version ${version}, at position ${position}: ${verdict}`,
    ...sampleLine(sample),
    ...tables.flatMap((table) => tableLines(table, VERIFIED)),
    ...(keysApart === 0
      ? []
      : [`  left out: ${numberText(keysApart)} keys with events that wait among the dead letters, or were given up`]),
    ...errorLines(errors),
  ];
  return `${lines.join('\n')}\n`;
}

/** What was not compared is not said to be the same. */
function sampleLine(sample: ComparedVersions['sample']): readonly string[] {
  return sample === undefined
    ? []
    : [`  only one key in ${numberText(sample.oneIn)} was compared, --seed ${sample.seed}`];
}

function errorLines(errors: ComparedVersions['errors']): readonly string[] {
  const shown = errors
    .slice(0, SHOWN_ERRORS)
    .map(({ key, position, error }) => `  fails: ${key} at position ${position}: ${error}`);
  return errors.length > SHOWN_ERRORS ? [...shown, `  … and ${errors.length - SHOWN_ERRORS} more keys fail`] : shown;
}

function tableLines({ name, ...table }: ComparedTable, words: Words): readonly string[] {
  const { rowsBefore, rowsAfter, added, removed, changed, samples } = table;
  const counts = `${numberText(added)} ${words.added}, ${numberText(removed)} ${words.removed}, ${numberText(changed)} ${words.changed}`;
  const columns = [
    ['added', table.columnsAdded],
    ['removed', table.columnsRemoved],
    ['of another type', table.columnsChanged],
  ] as const;
  const left = added + removed + changed - samples.length;
  return [
    `  ${name === '' ? 'rows' : `rows of ${name}`}: ${numberText(rowsBefore)} -> ${numberText(rowsAfter)}, ${counts}`,
    ...columns.filter(([, names]) => names.length > 0).map(([what, names]) => `  columns ${what}: ${names.join(', ')}`),
    ...samples.flatMap((sample) => sampleLines(sample, words)),
    ...(samples.length > 0 && left > 0 ? [`  … and ${numberText(left)} more`] : []),
  ];
}

function sampleLines({ key, kind, changes, firstEvent, lastPosition }: RowDifference, words: Words): readonly string[] {
  const shown = changes.slice(0, SHOWN_CHANGES).map(({ path, before, after }) => {
    return `    ${path === '' ? 'row' : path}: ${jsonText(before ?? null)} -> ${jsonText(after ?? null)}`;
  });
  const since =
    firstEvent === undefined
      ? lastPosition === undefined
        ? []
        : [`    last changed at position ${lastPosition}`]
      : [
          `    since ${firstEvent.type} at position ${firstEvent.globalPosition}, version ${firstEvent.streamVersion} of ${firstEvent.streamName}`,
        ];
  return [`  ${key}: ${words[kind]}`, ...shown, ...since];
}
