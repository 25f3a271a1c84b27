import { useEffect, useMemo } from 'preact/hooks';
import { toList } from '../../../../src/api-paths.ts';
import type { CategorySummary, EventPage, EventRecord } from '../../../../src/api-types.ts';
import { withQuery } from '../../api/client.ts';
import { useResource } from '../../api/use-resource.ts';
import { useTail } from '../../api/use-tail.ts';
import { Button } from '../../components/button.tsx';
import { EventCard } from '../../components/event-card.tsx';
import { SearchField, SelectField } from '../../components/fields.tsx';
import { Icon } from '../../components/icon.tsx';
import { EmptyNotice, ResourceView } from '../../components/notices.tsx';
import { PageHeader } from '../../components/page-header.tsx';
import { useReveal } from '../../components/payload.tsx';
import { count, counted } from '../../format/numbers.ts';
import { isStreamName } from '../../format/stream-names.ts';
import { IN_PLACE, useFilters } from '../../routing/location.tsx';

const LIMIT = 50;

/** The whole log, the last event first: live, or a page of it before some position. */
export function LogView() {
  const [filters, change] = useFilters();
  const { payloads, button } = useReveal();
  const isPaused = filters.has('before') || filters.get('live') === 'off';
  const [category, types] = [filters.get('categories'), filters.get('types')];
  const query = {
    categories: category === null ? undefined : toList([category]),
    types: types === null ? undefined : toList(types.split(',')),
    stream: isStreamName(filters.get('stream') ?? '') ? (filters.get('stream') ?? undefined) : undefined,
    payloads,
  };
  const before = filters.get('before') ?? undefined;
  const page = useResource<EventPage>(withQuery('events', { ...query, before: before ?? LATEST, limit: LIMIT }));
  const tail = useTail(query, { isPaused });
  const { reload } = page;
  useEffect(() => {
    if (tail.status === 'live') reload();
  }, [tail.status, reload]);
  const events = useMemo(() => merged(tail.events, page.data?.events ?? []), [tail.events, page.data]);
  const toggle = (): void => change({ live: isPaused ? undefined : 'off', before: undefined });
  useSpace(toggle);
  return (
    <>
      <PageHeader title="Events">
        <LogFilters filters={filters} onChange={change} />
        <Button tone={isPaused ? 'primary' : 'plain'} aria-pressed={isPaused} onClick={toggle}>
          <Icon name={isPaused ? 'play' : 'pause'} />
          {isPaused ? 'Follow' : 'Pause'}
        </Button>
        {button}
      </PageHeader>
      <p class="tail-state muted" role="status">
        {isPaused ? 'Standing still.' : tail.status === 'live' ? 'Following the log.' : 'Not live: connecting again…'}
        {tail.left > 0 && ` ${counted(tail.left, 'event')} came too fast to be shown.`}
        {before !== undefined && ` Before position ${count(Number(before))}.`}
      </p>
      <ResourceView resource={page} rows={12}>
        {(read) => (
          <>
            {events.length === 0 ? (
              <EmptyNotice title="No event is like that.">
                {read.searchedTo === undefined
                  ? 'As soon as one is appended, it appears here.'
                  : `Searched back to position ${count(read.searchedTo)}; older ones were not looked at.`}
              </EmptyNotice>
            ) : (
              <div class="events">
                {events.map((event) => (
                  <EventCard key={event.id} event={event} />
                ))}
              </div>
            )}
            <Older page={read} onGo={(position) => change({ before: String(position) })} />
          </>
        )}
      </ResourceView>
    </>
  );
}

/** Before the end of the log, wherever that is. */
const LATEST = Number.MAX_SAFE_INTEGER;

function merged(news: readonly EventRecord[], page: readonly EventRecord[]): readonly EventRecord[] {
  const last = news.at(-1)?.globalPosition ?? Number.POSITIVE_INFINITY;
  return [...news, ...page.filter(({ globalPosition }) => globalPosition < last)];
}

function Older({ page, onGo }: { readonly page: EventPage; readonly onGo: (position: number) => void }) {
  const next = page.next ?? page.searchedTo;
  if (next === undefined) return null;
  return (
    <div class="load-more">
      <Button onClick={() => onGo(next)}>Older events</Button>
      {page.searchedTo !== undefined && <span class="muted"> searched back to {count(page.searchedTo)}</span>}
    </div>
  );
}

interface LogFiltersProps {
  readonly filters: URLSearchParams;
  readonly onChange: ReturnType<typeof useFilters>[1];
}

function LogFilters({ filters, onChange }: LogFiltersProps) {
  const categories = useResource<readonly CategorySummary[]>('categories');
  return (
    <>
      <SelectField
        label="Category"
        value={filters.get('categories') ?? ''}
        onChange={(value) => onChange({ categories: value, before: undefined })}
        choices={[
          { value: '', label: 'all' },
          ...(categories.data ?? []).map(({ category }) => ({ value: category, label: category })),
        ]}
      />
      <SearchField
        label="Types"
        placeholder="ItemAdded, …"
        value={filters.get('types') ?? ''}
        clean={(text) => text.trim().replaceAll(/ *, */gu, ',')}
        onChange={(value) => onChange({ types: value, before: undefined }, IN_PLACE)}
      />
      <SearchField
        label="Stream"
        placeholder="Cart-1"
        value={filters.get('stream') ?? ''}
        onChange={(value) => onChange({ stream: value, before: undefined }, IN_PLACE)}
      />
    </>
  );
}

/** Space pauses, wherever nothing else wants it. */
function useSpace(toggle: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== ' ' || isTaken(event.target)) return;
      event.preventDefault();
      toggle();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  });
}

function isTaken(target: EventTarget | null): boolean {
  if (document.querySelector('dialog[open]') !== null) return true;
  return target instanceof HTMLElement && target.matches('input, select, textarea, button, a');
}
