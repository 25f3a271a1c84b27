/**
 * The part of Standard Schema 1 (https://standardschema.dev) that mink uses; zod, valibot, arktype and others fit by
 * shape.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A Standard Schema that also knows the way back, from a value to its stored form (zod 4.1 and later). */
export interface TwoWaySchema<Input = unknown, Output = Input> extends StandardSchema<Input, Output> {
  safeEncode(value: Output): TwoWayResult;
  safeDecode(value: Input): TwoWayResult;
}

export type TwoWayResult =
  | { readonly success: true; readonly data: unknown }
  | { readonly success: false; readonly error: { readonly issues: readonly StandardIssue[] } };

/** `items[2].price` for `['items', 2, 'price']`. */
export function formatPath(path: StandardIssue['path']): string {
  let text = '';
  for (const segment of path ?? []) {
    const key = typeof segment === 'object' ? segment.key : segment;
    if (typeof key === 'number') text += `[${key}]`;
    else text += text === '' ? String(key) : `.${String(key)}`;
  }
  return text;
}
