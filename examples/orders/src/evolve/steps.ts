import type { BuildProgress, ComparedVersions, RowDifference, SwitchedVersion, VersionPlan } from 'mink';

// What the steps of the walk say, in words.

export function planText({ version, events, rate, duration, live }: VersionPlan): string {
  const seconds = (duration / 1_000).toFixed(1);
  return `Version ${version} would apply ${events} events: ${seconds} s, at ${Math.round(rate)} a second. Version ${live?.version} is live.`;
}

export function progressText({ events, left, timeLeft }: BuildProgress): string {
  const rest = timeLeft === undefined ? '' : `, ${(timeLeft / 1_000).toFixed(1)} s`;
  return `${events} events applied, ${left} left${rest}`;
}

export function comparisonText({ tables, errors, position }: ComparedVersions): string {
  const lines = tables.flatMap(({ rowsAfter, added, removed, changed, columnsAdded, samples }) => [
    `At position ${position}: ${rowsAfter} rows, ${added} added, ${removed} removed, ${changed} changed; new columns: ${columnsAdded.join(', ')}`,
    ...samples.map(sampleText),
  ]);
  return [...lines, `${errors.length} keys fail.`].join('\n');
}

function sampleText({ key, changes, firstEvent }: RowDifference): string {
  const values = changes.map(
    ({ path, before, after }) => `${path} ${JSON.stringify(before)} -> ${JSON.stringify(after)}`,
  );
  const since = firstEvent === undefined ? '' : `, since ${firstEvent.type} at position ${firstEvent.globalPosition}`;
  return `  ${key}: ${values.join(', ')}${since}`;
}

export function switchText({ from, to, lagEvents, duration }: SwitchedVersion): string {
  return `From version ${from} to ${to} in ${Math.round(duration)} ms; it was ${lagEvents} events behind.`;
}
