import type { ComponentChildren } from 'preact';
import type { Problem } from '../../../src/api-types.ts';
import type { Resource } from '../api/use-resource.ts';
import { Button } from './button.tsx';

/** Room for what is being read, so that nothing jumps when it comes. */
export function Skeleton({ rows = 3 }: { readonly rows?: number }) {
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">Loading…</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} class="skeleton-row" />
      ))}
    </div>
  );
}

/** Where there is nothing: what would be here, and how to get it. */
export function EmptyNotice({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="notice notice-empty">
      <p class="notice-title">{title}</p>
      {children !== undefined && <div class="notice-text">{children}</div>}
    </div>
  );
}

export function ErrorNotice({ problem, retry }: { readonly problem: Problem; readonly retry?: () => void }) {
  return (
    <div class="notice notice-error" role="alert">
      <p class="notice-title">{problem.message}</p>
      <p class="notice-text">
        <code>{problem.code}</code>
      </p>
      {retry !== undefined && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

export interface ResourceViewProps<T> {
  readonly resource: Resource<T>;
  /** Rows of the skeleton. */
  readonly rows?: number;
  readonly children: (data: T) => ComponentChildren;
}

/** What was read; until then room for it, and what went wrong above what was read before. */
export function ResourceView<T>({ resource, rows = 6, children }: ResourceViewProps<T>) {
  const { data, error, isLoading, reload } = resource;
  return (
    <>
      {error !== undefined && <ErrorNotice problem={error} retry={reload} />}
      {data === undefined && error === undefined && <Skeleton rows={rows} />}
      {data !== undefined && (
        <div class="resource" aria-busy={isLoading}>
          {children(data)}
        </div>
      )}
    </>
  );
}
