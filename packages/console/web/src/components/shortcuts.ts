import { useEffect } from 'preact/hooks';
import { go } from '../routing/location.tsx';
import { pages } from '../routing/pages.ts';

/** Milliseconds for the key after `g`. */
const CHORD = 1_500;

/** Keys that work on every page; see the help that `?` opens. */
export function useShortcuts(onHelp: () => void): void {
  useEffect(() => {
    let chordUntil = 0;
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const { target } = event;
      if (isTyping(target)) {
        if (event.key === 'Escape' && target instanceof HTMLElement && !isInDialog()) target.blur();
        return;
      }
      if (isInDialog()) return;
      if (chordUntil > event.timeStamp) {
        chordUntil = 0;
        const page = pages.find(({ key }) => key === event.key);
        if (page === undefined) return;
        event.preventDefault();
        go(`/${page.path}`);
        return;
      }
      if (event.key === 'g') chordUntil = event.timeStamp + CHORD;
      else if (runs(event.key, onHelp)) event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [onHelp]);
}

/** Does what a key is for; false where it is for nothing. */
function runs(key: string, onHelp: () => void): boolean {
  switch (key) {
    case '?':
      onHelp();
      return true;
    case '/':
      return focusFirst('main [data-search], [data-search-bar]');
    case 'j':
      return moveRow(1);
    case 'k':
      return moveRow(-1);
    case 'Enter':
      return openRow();
    case 'Escape':
      return clickFirst('[data-parent]');
    default:
      return false;
  }
}

const isInDialog = (): boolean => document.querySelector('dialog[open]') !== null;

function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return target.type !== 'range' && target.type !== 'checkbox';
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

function focusFirst(selector: string): boolean {
  const found = [...document.querySelectorAll<HTMLElement>(selector)].toSorted(mainFirst)[0];
  found?.focus();
  return found !== undefined;
}

const mainFirst = (left: Element, right: Element): number =>
  Number(right.closest('main') !== null) - Number(left.closest('main') !== null);

function clickFirst(selector: string): boolean {
  const found = document.querySelector<HTMLElement>(selector);
  found?.click();
  return found !== null;
}

/** Goes to the next row, or the one before, of all tables of the page. */
function moveRow(step: number): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')];
  const current = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[current === -1 ? (step > 0 ? 0 : rows.length - 1) : current + step];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
  return next !== undefined;
}

function openRow(): boolean {
  const row = document.activeElement;
  if (!(row instanceof HTMLElement) || row.dataset['row'] === undefined) return false;
  const link = row.querySelector<HTMLElement>('a, button');
  link?.click();
  return link !== null;
}
