import { useState } from 'preact/hooks';
import { announce } from './toasts.tsx';
import { Icon } from './icon.tsx';

/** Copies a name or a command. */
export function CopyButton({ text, label }: { readonly text: string; readonly label: string }) {
  const [isCopied, setIsCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Not allowed, or no secure context: the old way, by a selection.
      copyBySelection(text);
    }
    setIsCopied(true);
    setTimeout(() => setIsCopied(false), 1_500);
    announce(`Copied ${label}.`);
  };
  return (
    <button
      type="button"
      class="icon-button copy"
      aria-label={`Copy ${label}`}
      title={`Copy ${label}`}
      onClick={() => void copy()}
    >
      <Icon name={isCopied ? 'check' : 'copy'} />
    </button>
  );
}

function copyBySelection(text: string): void {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
