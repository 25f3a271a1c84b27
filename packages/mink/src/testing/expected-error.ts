import { AssertionError } from 'node:assert';
import { MinkError } from '../core/index.ts';

/** What to expect of an error: its class, its stable code, or a check of your own. */
export type ExpectedError = string | (abstract new (...parameters: never) => Error) | ((error: unknown) => void);

/** Fails with an AssertionError where an error is another one than expected. */
export function checkThrown(error: unknown, expected: ExpectedError): void {
  if (typeof expected === 'string') {
    const code = error instanceof MinkError || hasCode(error) ? error.code : undefined;
    if (code !== expected) throw mismatch(error, `the code ${expected}`);
  } else if (isErrorClass(expected)) {
    if (!(error instanceof expected)) throw mismatch(error, expected.name);
  } else {
    expected(error);
  }
}

function mismatch(error: unknown, expected: string): AssertionError {
  const actual = error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error);
  return new AssertionError({ message: `Expected ${expected}, got ${actual}`, actual: error, expected });
}

function hasCode(error: unknown): error is { readonly code: unknown } {
  return typeof error === 'object' && error !== null && 'code' in error;
}

function isErrorClass(
  expected: Exclude<ExpectedError, string>,
): expected is abstract new (...parameters: never) => Error {
  return expected.prototype instanceof Error || Object.is(expected, Error);
}
