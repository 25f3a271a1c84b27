// What must be said of a row beside its number: that the subject lacks the feature, failed, or lost events.

/**
 * A note and the numbers behind it, from counts that may be summed over rounds and runs.
 *
 * @param counts `{ checked, lost, repeated }` of each round or run
 * @param remarks anything else, in words
 */
export function noteOf(counts, remarks) {
  const sum = (key) => counts.reduce((total, count) => total + (count[key] ?? 0), 0);
  const [checked, lost, repeated] = [sum('checked'), sum('lost'), sum('repeated')];
  const distinct = [...new Set(remarks)];
  const parts = [
    ...distinct,
    ...(lost > 0 ? [`LOST ${lost} of ${checked} events (${((100 * lost) / checked).toPrecision(2)} %)`] : []),
    ...(repeated > 0 ? [`delivered or stored ${repeated} of ${checked} events more than once`] : []),
  ];
  return {
    ...(checked === 0 ? {} : { checked, lost, repeated }),
    ...(distinct.length === 0 ? {} : { remarks: distinct }),
    ...(parts.length === 0 ? {} : { note: parts.join('; ') }),
  };
}
