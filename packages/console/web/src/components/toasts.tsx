import { useEffect, useState } from 'preact/hooks';

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: 'plain' | 'danger';
}

const listeners = new Set<(toast: Toast) => void>();
let last = 0;

/** Says something at the edge of the page for a while, and to screen readers. */
export function announce(text: string, tone: Toast['tone'] = 'plain'): void {
  last += 1;
  for (const listener of listeners) listener({ id: last, text, tone });
}

const SHOWN = 6_000;

/** Where {@link announce} is heard; once on the page. */
export function Toasts() {
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  useEffect(() => {
    const listener = (toast: Toast): void => {
      setToasts((before) => [...before.slice(-3), toast]);
      setTimeout(() => setToasts((before) => before.filter(({ id }) => id !== toast.id)), SHOWN);
    };
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, text, tone }) => (
        <p key={id} class={`toast toast-${tone}`}>
          {text}
        </p>
      ))}
    </div>
  );
}
