import type { JSX } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** Milliseconds without a key until a search is made. */
const PAUSE = 250;

const trimmed = (text: string): string => text.trim();

interface SearchFieldProps extends FieldProps {
  readonly placeholder?: string;
  /** What is searched for, of what was typed. */
  readonly clean?: (text: string) => string;
}

/** What is searched for. Told when typing pauses; `/` goes to the first one of a page. */
export function SearchField({ label, value, onChange, clean = trimmed, ...rest }: SearchFieldProps) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  const tell = (typed: string): void => {
    told.current = clean(typed);
    onChange(told.current);
  };
  // The page may be drawn anew while somebody types, with another function: that is no key.
  const newest = useRef(tell);
  newest.current = tell;
  // What comes back of what was told is behind what was typed meanwhile.
  useLayoutEffect(() => {
    if (value !== told.current) setText(value);
    told.current = value;
  }, [value]);
  useEffect(() => {
    if (clean(text) === value) return undefined;
    const timer = setTimeout(() => newest.current(text), PAUSE);
    return () => clearTimeout(timer);
  }, [text, value]);
  return (
    <label class="field">
      <span class="field-label">{label}</span>
      <input
        type="search"
        data-search
        autocomplete="off"
        spellcheck={false}
        {...rest}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={({ key }) => key === 'Enter' && tell(text)}
      />
    </label>
  );
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export function SelectField({ label, value, onChange, choices }: FieldProps & { readonly choices: readonly Choice[] }) {
  return (
    <label class="field">
      <span class="field-label">{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </label>
  );
}

type TextFieldProps = FieldProps & {
  readonly hint?: string;
  readonly input?: JSX.InputHTMLAttributes;
};

/** A value of a form. */
export function TextField({ label, value, onChange, hint, input = {} }: TextFieldProps) {
  const id = useId();
  return (
    <label class="field field-block">
      <span class="field-label">{label}</span>
      <input
        type="text"
        autocomplete="off"
        spellcheck={false}
        aria-describedby={hint === undefined ? undefined : id}
        {...input}
        value={value}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
      {hint !== undefined && (
        <span class="hint" id={id}>
          {hint}
        </span>
      )}
    </label>
  );
}
