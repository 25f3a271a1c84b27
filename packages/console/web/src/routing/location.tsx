import type { ComponentChildren, JSX } from 'preact';
import { useCallback, useMemo } from 'preact/hooks';
import { navigate, usePathname, useSearch } from 'wouter-preact/use-browser-location';
import { fromSegment, toSegment } from '../../../src/api-paths.ts';

/** The path under which the console is mounted, without a slash at its end: empty, or such as `/console`. */
const mountPath = new URL(document.baseURI).pathname.replace(/\/[^/]*$/u, '');

/** Where a place of the console is; `to` begins with a slash. */
export const hrefOf = (to: string): string => mountPath + to;

/** A path of names, each of which may hold anything, slashes included. */
export const pathOf = (...names: readonly (string | number)[]): string => `/${names.map(toSegment).join('/')}`;

/** The names that the path consists of, decoded one by one. */
export function useSegments(): readonly string[] {
  const path = usePathname();
  return useMemo(() => path.slice(mountPath.length).split('/').filter(Boolean).map(decoded), [path]);
}

function decoded(segment: string): string {
  try {
    return fromSegment(decodeURIComponent(segment));
  } catch {
    return segment;
  }
}

/** Goes to a place of the console. */
export function go(to: string, { replace = false }: { readonly replace?: boolean } = {}): void {
  navigate(hrefOf(to), { replace });
}

export type Filters = Readonly<Record<string, string | undefined>>;

/** Changes what the URL says after `?`. Undefined and empty values are left out. */
export type ChangeFilters = (changes: Filters, options?: { readonly replace?: boolean }) => void;

/** Of what is typed or dragged: no step of its own. */
export const IN_PLACE = { replace: true };

/** What the URL says after `?`, and how to change some of it: what is chosen is a step of its own, which Back takes back. */
export function useFilters(): readonly [URLSearchParams, ChangeFilters] {
  const search = useSearch();
  const filters = useMemo(() => new URLSearchParams(search), [search]);
  const change = useCallback<ChangeFilters>((changes, { replace = false } = {}) => {
    const next = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined || value === '') next.delete(name);
      else next.set(name, value);
    }
    const text = next.toString();
    navigate(location.pathname + (text === '' ? '' : `?${text}`), { replace });
  }, []);
  return [filters, change];
}

type LinkProps = Omit<JSX.AnchorHTMLAttributes, 'href'> & {
  readonly to: string;
  readonly children: ComponentChildren;
};

/** A link to a place of the console, which the page itself goes to. */
export function Link({ to, children, ...rest }: LinkProps) {
  const follow = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a {...rest} href={hrefOf(to)} onClick={follow}>
      {children}
    </a>
  );
}
