import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

export interface VirtualListProps {
  readonly label: string;
  /** How many there are; only those in sight are rendered. */
  readonly size: number;
  /** Pixels. All rows have the same. */
  readonly rowHeight: number;
  readonly selected: number;
  readonly onSelect: (index: number) => void;
  readonly row: (index: number) => ComponentChildren;
  /** Told which rows are in sight, so that they can be read. */
  readonly onSight?: (first: number, last: number) => void;
}

const MARGIN = 6;

/** A list of any length, of which one is selected: by arrows, Page, Home and End. */
export function VirtualList({ label, size, rowHeight, selected, onSelect, row, onSight }: VirtualListProps) {
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const [view, setView] = useState({ top: 0, height: 400 });
  const first = Math.max(0, Math.floor(view.top / rowHeight) - MARGIN);
  const last = Math.min(size - 1, Math.ceil((view.top + view.height) / rowHeight) + MARGIN);

  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const look = (): void => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);
  useEffect(() => onSight?.(first, last), [first, last, onSight]);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const top = selected * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    const bottom = top + rowHeight - element.clientHeight;
    if (bottom > element.scrollTop) element.scrollTop = bottom;
  }, [selected, rowHeight]);

  const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
  const steps: Readonly<Record<string, number>> = {
    ArrowDown: 1,
    ArrowUp: -1,
    PageDown: page,
    PageUp: -page,
    Home: -size,
    End: size,
  };
  const move = (event: KeyboardEvent): void => {
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onSelect(Math.min(size - 1, Math.max(0, selected + step)));
  };
  const isInSight = selected >= first && selected <= last;
  return (
    <div
      ref={box}
      class="virtual"
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={isInSight ? `${id}-${selected}` : undefined}
      onKeyDown={move}
    >
      <div class="virtual-rows" role="presentation" style={{ height: `${size * rowHeight}px` }}>
        {Array.from({ length: Math.max(0, last - first + 1) }, (_, offset) => first + offset).map((index) => (
          <div
            key={index}
            id={`${id}-${index}`}
            class="virtual-row"
            role="option"
            aria-selected={index === selected}
            aria-posinset={index + 1}
            aria-setsize={size}
            style={{ height: `${rowHeight}px`, transform: `translateY(${index * rowHeight}px)` }}
            onClick={() => onSelect(index)}
          >
            {row(index)}
          </div>
        ))}
      </div>
    </div>
  );
}
