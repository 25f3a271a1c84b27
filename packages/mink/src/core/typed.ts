/**
 * Gives a value the type that was inferred for it, where the check has been made at run time and TypeScript cannot
 * follow: a loop over the keys of a definition, a codec found by name, text that mink itself wrote. The only type
 * assertion in the library.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function typed<T>(value: unknown): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return value as T;
}
