import { readableJson, stringifyJson } from 'mink';
import { escapeControls } from './terminal-text.ts';

/** One line of JSON for anything, safe to show in a terminal. */
export function jsonText(value: unknown): string {
  return escapeControls(stringifyJson(readableJson(value), true));
}
