// What mink wants to reach, as ratios: they hold on any machine where the floor and the peers run beside it.

/** `mink` of a row against `factor` times another subject's row, or against a number of the row's unit. */
const TARGETS = [
  target('append-1-seq', 0.9, 'floor'),
  target('append-1-seq', 1.8, 'emmett'),
  target('append-1-c32', 2.5, 'floor'),
  target('append-1-c32', 6, 'emmett'),
  target('append-1-c256', 4, 'floor', 'append-1-c32'),
  target('append-1-c1024', 6, 'floor', 'append-1-c32'),
  target('append-100-batch', 2, 'floor'),
  target('append-100-batch', 3, 'emmett'),
  target('load-10000', 1, 'floor'),
  target('load-10000', 2, 'emmett'),
  target('catchup-100k', 0.5, 'floor'),
  { work: 'latency-p50', most: 5 },
  { work: 'latency-p99', most: 25 },
];

function target(work, factor, subject, against = work) {
  return { work, factor, subject, against };
}

/** For each target that can be judged: what was wanted, what was measured, and whether that is enough. */
export function judge(rows) {
  const medianOf = (work, subject) =>
    rows.find((row) => row.work === work && row.subject === subject)?.median ?? undefined;
  return TARGETS.flatMap(({ work, factor, subject, against, most }) => {
    const mine = medianOf(work, 'mink');
    if (mine === undefined) return [];
    if (most !== undefined)
      return [{ work, wanted: `at most ${most} ms`, measured: mine, reached: mine <= most, unit: 'ms' }];
    const theirs = medianOf(against, subject);
    if (theirs === undefined || theirs === 0) return [];
    const wanted = `at least ${factor} × ${subject}${against === work ? '' : ` at ${against}`}`;
    return [{ work, wanted, measured: mine / theirs, reached: mine / theirs >= factor, unit: '×' }];
  });
}
