import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Button } from '../../components/button.tsx';
import { Icon } from '../../components/icon.tsx';
import { count } from '../../format/numbers.ts';

export interface PlayControlsProps {
  readonly at: number;
  readonly last: number;
  /** Of the event that is shown. */
  readonly type: string | undefined;
  /** What is shown is there: playing waits for it. */
  readonly isReady: boolean;
  readonly onMove: (version: number) => void;
  readonly children: ComponentChildren;
}

/** Milliseconds that each event is shown for. */
const BEAT = 400;

/** A slider over all versions; arrows and Space work wherever the focus is. */
export function PlayControls({ at, last, type, isReady, onMove, children }: PlayControlsProps) {
  const [isPlaying, setIsPlaying] = useState(false);
  const move = (version: number): void => onMove(Math.min(last, Math.max(1, version)));
  const toggle = (): void => {
    if (!isPlaying && at === last) onMove(1);
    setIsPlaying(!isPlaying);
  };

  useEffect(() => {
    if (!isPlaying || !isReady) return undefined;
    if (at >= last) {
      setIsPlaying(false);
      return undefined;
    }
    const timer = setTimeout(() => onMove(at + 1), BEAT);
    return () => clearTimeout(timer);
  }, [isPlaying, isReady, at, last, onMove]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
      if (event.key === 'ArrowLeft') move(at - 1);
      else if (event.key === 'ArrowRight') move(at + 1);
      else if (event.key === ' ') toggle();
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  });

  return (
    <div class="play" role="group" aria-label="Time travel">
      <div class="play-slider">
        <input
          type="range"
          aria-label="Version"
          aria-valuetext={`Version ${at} of ${last}${type === undefined ? '' : `, after ${type}`}`}
          min={1}
          max={last}
          value={at}
          onInput={({ currentTarget }) => move(currentTarget.valueAsNumber)}
        />
        <output class="number">
          {count(at)} / {count(last)}
        </output>
      </div>
      <div class="buttons">
        <Button aria-label="First event" onClick={() => move(1)}>
          <Icon name="first" />
        </Button>
        <Button aria-label="Event before" onClick={() => move(at - 1)}>
          <Icon name="before" />
        </Button>
        <Button tone="primary" aria-label={isPlaying ? 'Pause' : 'Play'} onClick={toggle}>
          <Icon name={isPlaying ? 'pause' : 'play'} />
        </Button>
        <Button aria-label="Next event" onClick={() => move(at + 1)}>
          <Icon name="next" />
        </Button>
        <Button aria-label="Last event" onClick={() => move(last)}>
          <Icon name="last" />
        </Button>
        {children}
      </div>
    </div>
  );
}

/** Whether a key is for what has the focus: text, the slider itself, a button that Space presses. */
function isTaken({ target, key }: KeyboardEvent): boolean {
  if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return true;
  if (document.querySelector('dialog[open]') !== null) return true;
  return key === ' ' && (target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement);
}
