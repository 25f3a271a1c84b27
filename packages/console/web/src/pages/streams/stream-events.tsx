import type { EventPage, StreamDetail } from '../../../../src/api-types.ts';
import { apiPath } from '../../api/client.ts';
import { usePages } from '../../api/use-pages.ts';
import { EventCard } from '../../components/event-card.tsx';
import { SelectField } from '../../components/fields.tsx';
import { LoadMore } from '../../components/load-more.tsx';
import { EmptyNotice, ResourceView } from '../../components/notices.tsx';
import { useReveal } from '../../components/payload.tsx';
import { useFilters } from '../../routing/location.tsx';

/** The events of a stream, page by page. */
export function StreamEvents({ stream }: { readonly stream: StreamDetail }) {
  const [filters, change] = useFilters();
  const { payloads, button } = useReveal();
  const direction = filters.get('direction') ?? 'backwards';
  const pages = usePages<EventPage>(apiPath('streams', stream.streamName, 'events'), {
    query: { direction, payloads, limit: 50 },
    cursor: 'from',
  });
  return (
    <>
      <div class="toolbar">
        <SelectField
          label="Order"
          value={direction}
          onChange={(value) => change({ direction: value })}
          choices={[
            { value: 'backwards', label: 'last first' },
            { value: 'forwards', label: 'first first' },
          ]}
        />
        {button}
      </div>
      <ResourceView resource={pages} rows={10}>
        {(read) =>
          read.every(({ events }) => events.length === 0) ? (
            <EmptyNotice title="It has no events any more.">It was truncated or tombstoned.</EmptyNotice>
          ) : (
            <div class="events">
              {read
                .flatMap((page) => page.events)
                .map((event) => (
                  <EventCard key={event.id} event={event} hasStream={false} />
                ))}
            </div>
          )
        }
      </ResourceView>
      <LoadMore pages={pages} />
    </>
  );
}
