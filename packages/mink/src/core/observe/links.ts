/** Spans that one span is linked to, at most. */
const MAX_LINKS = 32;

/** The different spans that appended some events, in their order, 32 at most. */
export function tracesOf(
  events: Iterable<{ readonly metadata: { readonly [name: string]: unknown } }>,
): readonly string[] {
  const found = new Set<string>();
  for (const { metadata } of events) {
    const { traceparent } = metadata;
    if (typeof traceparent === 'string') found.add(traceparent);
    if (found.size === MAX_LINKS) break;
  }
  return [...found];
}

/** What comes from one span goes on from it; what comes from several is linked to them. */
export function originOf(
  origins: readonly string[],
): { readonly continues: string } | { readonly links: readonly string[] } {
  const [first] = origins;
  return first !== undefined && origins.length === 1 ? { continues: first } : { links: origins };
}
