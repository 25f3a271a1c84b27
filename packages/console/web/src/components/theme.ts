import { useEffect, useState } from 'preact/hooks';

export type Theme = 'light' | 'dark';

const KEY = 'mink-theme';
const media = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

const chosen = (): Theme | undefined => {
  const { theme } = document.documentElement.dataset;
  return theme === 'light' || theme === 'dark' ? theme : undefined;
};
const current = (): Theme => chosen() ?? (media.matches ? 'dark' : 'light');

/** Takes up what was chosen before; to be called before anything is drawn. */
export function restoreTheme(): void {
  const stored = localStorage.getItem(KEY);
  if (stored === 'light' || stored === 'dark') document.documentElement.dataset['theme'] = stored;
}

/** The theme in use, and what changes to the other one. Without a choice it is that of the system. */
export function useTheme(): readonly [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(current);
  useEffect(() => {
    const listener = (): void => setTheme(current());
    listeners.add(listener);
    media.addEventListener('change', listener);
    return () => {
      listeners.delete(listener);
      media.removeEventListener('change', listener);
    };
  }, []);
  const toggle = (): void => {
    const next = current() === 'dark' ? 'light' : 'dark';
    document.documentElement.dataset['theme'] = next;
    localStorage.setItem(KEY, next);
    listeners.forEach((tell) => tell());
  };
  return [theme, toggle];
}
