import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

export interface ButtonProps extends Omit<JSX.ButtonHTMLAttributes, 'disabled' | 'children' | 'class'> {
  readonly children: ComponentChildren;
  readonly tone?: 'plain' | 'primary' | 'danger' | undefined;
  /** Why it cannot be used now. It is reached by keyboard all the same, so that the reason can be read. */
  readonly refusal?: string | undefined;
  readonly isBusy?: boolean;
}

export function Button({ children, tone = 'plain', refusal, isBusy = false, onClick, ...rest }: ButtonProps) {
  const id = useId();
  const isOff = refusal !== undefined || isBusy;
  return (
    <>
      <button
        type="button"
        {...rest}
        class={`button button-${tone}`}
        aria-disabled={isOff}
        aria-busy={isBusy}
        aria-describedby={refusal === undefined ? undefined : id}
        title={refusal ?? rest.title}
        onClick={isOff ? (event) => event.preventDefault() : onClick}
      >
        {children}
      </button>
      {refusal !== undefined && (
        <span id={id} class="visually-hidden">
          {refusal}
        </span>
      )}
    </>
  );
}
