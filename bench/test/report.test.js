import { describe, expect, test } from 'vitest';
import { renderChart } from '../lib/chart.js';
import { renderGrowthTable } from '../lib/growth-table.js';
import { renderMarkdown, replaceResults } from '../lib/markdown.js';
import { mergeResults } from '../lib/merge-results.js';
import { noteOf } from '../lib/notes.js';
import { renderTable, renderTargets } from '../lib/table.js';
import { judge } from '../lib/targets.js';
import { growth, results } from './fixtures/results.js';

describe('the table', () => {
  const lines = renderTable(results).split('\n');

  test('shows medians, spread and how mink compares with the floor', () => {
    expect(lines[1]).toMatch(/^append-1-c32 +appends\/s +10,000 \(9,000–11,000\) +4,000 \(3,900–4,100\) .* 2\.50 ×$/u);
  });

  test('where lower is better, a ratio above 1 still says that mink does better', () => {
    expect(lines[2]).toMatch(/0\.500 ×$/u);
  });

  test('says who lost events and who lacks the feature', () => {
    expect(lines).toContain('[1] latency-p50, floor: LOST 3 of 30 events (10 %)');
    expect(lines).toContain('[2] latency-p50, emmett: has <no> subscription');
    expect(lines[2]).toMatch(/1 \(1–1\) \[1\] +– \[2\]/u);
  });

  test('wants of a rebuild in partitions what the machine has room for', () => {
    const judged = (ratio, busy, cores) => {
      const row = (work, median) => ({ work, subject: 'mink', unit: '×', better: 'higher', rounds: [median], median });
      return judge([row('rebuild-p4', ratio), row('rebuild-p4-busy', busy)], { cores }).map(
        ({ wanted, reached }) => `${wanted}: ${reached}`,
      );
    };
    expect(judged(0.96, 95, 2)).toEqual(['at least 0.95 ×: true']);
    expect(judged(1.5, 95, 4)).toEqual(['at least 1.6 ×: false']);
    // Neither is said of two cores that have something to spare.
    expect(judged(0.5, 80, 2)).toEqual([]);
  });

  test('wants a long rebuild to need no more memory than a short one', () => {
    const row = (work, median) => ({ work, subject: 'mink', unit: 'MB', better: 'lower', rounds: [median], median });
    const [verdict] = judge([row('projection-100k-rss-mb', 100), row('projection-1m-rss-mb', 121)], { cores: 2 });
    expect(verdict).toMatchObject({ wanted: 'at most 1.2 × projection-100k-rss-mb', reached: false });
  });

  test('says which targets were reached', () => {
    expect(renderTargets(results)).toMatch(/^reached +append-1-c32 +at least 2\.5 × floor +2\.5 ×$/mu);
    expect(renderTargets(results)).toMatch(/^MISSED +append-1-c32 +at least 6 × emmett +5 ×$/mu);
    expect(renderTargets(results)).toMatch(/^reached +latency-p50 +at most 5 ms +2 ms$/mu);
  });
});

test('the chart is well-formed and marks who loses events', () => {
  const chart = renderChart(results);
  expect(chart).toContain('loses events');
  expect(chart).toContain('has &lt;no&gt; subscription');
  const opened = [...chart.matchAll(/<(?<name>\w+)[^<>]*(?<!\/)>/gu)].map(({ groups }) => groups.name);
  const closed = [...chart.matchAll(/<\/(?<name>\w+)>/gu)].map(({ groups }) => groups.name);
  expect(closed.toSorted()).toEqual(opened.toSorted());
});

test('the table of growth compares the largest log with the smallest', () => {
  expect(renderGrowthTable(growth).split('\n')).toEqual([
    'shared_buffers 128MB, max_wal_size 1GB, wal_compression off',
    'work             subject  unit            100,000 events  1,000,000 events  last : first  WAL bytes an append',
    'append-existing  mink     appends/s  1,000 (1,000–1,000)     950 (950–950)          0.95            900 → 910',
  ]);
});

describe('the page', () => {
  const page =
    'before\n\n<!-- results: written by npm run bench:report -->\n\nold\n\n<!-- end of results -->\n\nafter\n';

  test('has its results replaced, and nothing else', () => {
    const replaced = replaceResults(page, 'new');
    expect(replaced).toBe(page.replace('old', 'new'));
    expect(replaceResults(replaced, 'old')).toBe(page);
  });

  test('must have a place for them', () => {
    expect(() => replaceResults('nothing here', 'new')).toThrow('<!-- results');
  });

  test('shows the same numbers as the table', () => {
    const markdown = renderMarkdown({ latest: results, growth });
    expect(markdown).toContain('| `append-1-c32` | appends/s | 10,000 (9,000–11,000) |');
    expect(markdown).toContain('1. floor: LOST 3 of 30 events (10 %)');
    expect(markdown).toContain('| append-existing | mink    | appends/s |');
    expect(markdown).toContain('**no**');
  });
});

describe('several runs', () => {
  const run = (mink, lost) => ({
    ...results,
    rows: [
      { ...results.rows[0], rounds: [mink], median: mink },
      {
        work: 'follow-c16',
        subject: 'floor',
        unit: 'events/s',
        better: 'higher',
        rounds: [1],
        median: 1,
        ...noteOf([{ checked: 100, lost, repeated: 0 }], []),
      },
    ],
  });
  const merged = mergeResults([run(8000, 1), run(12_000, 0), run(9000, 2)]);

  test('give the median of their medians, and keep every round', () => {
    expect(merged.rows[0]).toMatchObject({ rounds: [8000, 12_000, 9000], runs: [8000, 12_000, 9000], median: 9000 });
    expect(merged.settings.runs).toBe(3);
  });

  test('add up what was lost', () => {
    expect(merged.rows[1]).toMatchObject({ checked: 300, lost: 3, note: 'LOST 3 of 300 events (1.0 %)' });
  });
});
