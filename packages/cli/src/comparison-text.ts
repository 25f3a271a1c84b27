import type { ComparedTable, ComparedVersions, RowDifference } from 'mink';
import { numberText } from './build-progress.ts';
import { jsonText } from './json-text.ts';

const SHOWN_ERRORS = 5;
const SHOWN_CHANGES = 5;

/** In what two versions differ, for people. */
export function comparisonText(compared: ComparedVersions): string {
  const { name, version, against, position, isSame, tables, errors } = compared;
  const verdict = isSame ? 'no difference' : 'different';
  const lines = [
    `${name} version ${version} against version ${against}, at position ${position}: ${verdict}`,
    ...tables.flatMap(tableLines),
    ...errors
      .slice(0, SHOWN_ERRORS)
      .map(({ key, position: at, error }) => `  fails: ${key} at position ${at}: ${error}`),
    ...(errors.length > SHOWN_ERRORS ? [`  … and ${errors.length - SHOWN_ERRORS} more keys fail`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function tableLines({ name, ...table }: ComparedTable): readonly string[] {
  const { rowsBefore, rowsAfter, added, removed, changed, samples } = table;
  const counts = `${numberText(added)} added, ${numberText(removed)} removed, ${numberText(changed)} changed`;
  const columns = [
    ['added', table.columnsAdded],
    ['removed', table.columnsRemoved],
    ['of another type', table.columnsChanged],
  ] as const;
  const left = added + removed + changed - samples.length;
  return [
    `  ${name === '' ? 'rows' : `rows of ${name}`}: ${numberText(rowsBefore)} -> ${numberText(rowsAfter)}, ${counts}`,
    ...columns.filter(([, names]) => names.length > 0).map(([what, names]) => `  columns ${what}: ${names.join(', ')}`),
    ...samples.flatMap(sampleLines),
    ...(samples.length > 0 && left > 0 ? [`  … and ${numberText(left)} more`] : []),
  ];
}

function sampleLines({ key, kind, changes, firstEvent, lastPosition }: RowDifference): readonly string[] {
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
  return [`  ${key}: ${kind}`, ...shown, ...since];
}
