import type { Pages } from '../api/use-pages.ts';
import { Button } from './button.tsx';

/** Asks for the next page, where there is one. */
export function LoadMore({ pages }: { readonly pages: Pages<unknown> }) {
  if (!pages.hasMore) return null;
  return (
    <div class="load-more">
      <Button isBusy={pages.isLoading} onClick={pages.loadMore}>
        Show more
      </Button>
    </div>
  );
}
