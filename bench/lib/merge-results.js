// Several runs as one result.
import { noteOf } from './notes.js';
import { median } from './statistics.js';

/** The rows of several runs as one: the median of their medians; all rounds are kept. */
export function mergeRows(runs) {
  const keys = new Map(runs.flat().map((row) => [`${row.work} ${row.subject}`, row]));
  if (runs.length === 1) return runs[0];
  return [...keys.values()].map((row) => {
    const same = runs.flatMap((rows) =>
      rows.filter(({ work, subject }) => work === row.work && subject === row.subject),
    );
    const medians = same.map((each) => each.median).filter((value) => value !== null);
    const { work, subject, unit, better } = row;
    return {
      work,
      subject,
      unit,
      better,
      rounds: same.flatMap(({ rounds }) => rounds),
      runs: medians,
      median: median(medians) ?? null,
      ...noteOf(
        same,
        same.flatMap(({ remarks = [] }) => remarks),
      ),
    };
  });
}

/** The results of several `npm run bench`, with the machine and the settings of the last. */
export function mergeResults(results) {
  const last = results.at(-1);
  return {
    ...last,
    settings: { ...last.settings, runs: results.reduce((sum, { settings }) => sum + settings.runs, 0) },
    rows: mergeRows(results.map(({ rows }) => rows)),
  };
}
