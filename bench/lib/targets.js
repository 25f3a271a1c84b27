// What mink wants to reach, as ratios: they hold on any machine where the floor and the peers run beside it.

/** `mink` of a row against `factor` times another row, or against a number of the row's unit. */
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
  atMost('latency-p50', 5),
  atMost('latency-p99', 25),
  target('projection-100k', 0.5, 'floor'),
  target('projection-100k', 20, 'emmett'),
  target('projection-1m', 0.5, 'floor'),
  target('projection-1m', 20, 'emmett'),
  // A few megabytes are the garbage of the moment.
  { work: 'projection-1m-rss-mb', subject: 'mink', against: 'projection-100k-rss-mb', mostTimes: 1.2 },
  { work: 'rebuild-p4', least: leastOfRebuild },
  { work: 'rebuild-p4-far', least: () => 1.6 },
  atMost('visible-p50', 5),
  atMost('visible-p99', 25),
  atMost('inline-overhead', 1.5),
  atMost('inline-overhead-seq', 1.5),
  atMost('idle-50-cpu', 2),
  atMost('idle-50-queries', 5),
];

function target(work, factor, subject, against = work) {
  return { work, factor, subject, against };
}

function atMost(work, most) {
  return { work, most };
}

/** Where one partition keeps the CPU busy, more of them cannot be faster: they must only not be slower. */
function leastOfRebuild({ busy, cores }) {
  if (cores >= 4) return 1.6;
  return busy >= 90 ? 0.95 : undefined;
}

/**
 * For each target that can be judged: what was wanted, what was measured, and whether that is enough.
 *
 * @param machine where it was measured
 */
export function judge(rows, machine) {
  const rowOf = (work, subject) => rows.find((row) => row.work === work && row.subject === subject);
  const medianOf = (work, subject) => rowOf(work, subject)?.median ?? undefined;
  return TARGETS.flatMap((each) => {
    const measured = medianOf(each.work, 'mink');
    if (measured === undefined) return [];
    const { unit } = rowOf(each.work, 'mink');
    if ('most' in each) return [verdict(each, `at most ${each.most} ${unit}`, { measured, most: each.most, unit })];
    if ('least' in each) {
      const least = each.least({ busy: medianOf(`${each.work}-busy`, 'mink'), cores: machine?.cores });
      return least === undefined ? [] : [verdict(each, `at least ${least} ${unit}`, { measured, least, unit })];
    }
    return against(each, { measured, theirs: medianOf(each.against, each.subject) });
  });
}

function verdict({ work }, wanted, { measured, least = -Infinity, most = Infinity, unit }) {
  return { work, wanted, measured, reached: measured >= least && measured <= most, unit };
}

/** Against another row, which may be somebody else's. */
function against({ work, factor, mostTimes, subject, against: row }, { measured, theirs }) {
  if (theirs === undefined || theirs === 0) return [];
  const ratio = measured / theirs;
  const name = [...(subject === 'mink' ? [] : [subject]), ...(row === work ? [] : [row])].join(' at ');
  const bounds = mostTimes === undefined ? { least: factor } : { most: mostTimes };
  const wanted = mostTimes === undefined ? `at least ${factor} × ${name}` : `at most ${mostTimes} × ${name}`;
  return [verdict({ work }, wanted, { measured: ratio, ...bounds, unit: '×' })];
}
